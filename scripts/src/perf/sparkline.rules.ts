const bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const

/**
 * Values as a row of bars that any text carries: from 0, so that twice the height is twice the value.
 *
 * @param values - null: nothing was measured there, a gap
 * @param most - points; more values are joined, the largest of each group is shown
 * @param highest - value of a full bar, for rows that are compared; the largest of the values
 */
export const sparkline = (
  values: readonly (number | null)[],
  { most = 60, highest }: { most?: number; highest?: number } = {}
): string => {
  const shown = joined(values, most)
  const top = highest ?? Math.max(...shown.map((value) => value ?? 0))
  return shown
    .map((value) => {
      if (value === null) return ' '
      return bars[top === 0 ? 0 : Math.min(bars.length - 1, Math.floor((value / top) * bars.length))]
    })
    .join('')
}

const joined = (values: readonly (number | null)[], most: number): (number | null)[] => {
  const size = Math.max(1, Math.ceil(values.length / most))
  return Array.from({ length: Math.ceil(values.length / size) }, (_, i) => {
    const group = values.slice(i * size, (i + 1) * size).filter((value) => value !== null)
    return group.length === 0 ? null : Math.max(...group)
  })
}
