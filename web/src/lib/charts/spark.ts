/** Paths of a small chart without axes: one slot is one unit wide, the height is given. */

/**
 * A stepped outline over the slots, closed at the bottom.
 *
 * @param top - value that reaches the full height; above 0
 */
export const stepArea = (values: readonly number[], top: number, height: number): string => {
  if (values.length === 0) return ''
  const steps = values.map((value) => `V${fixed(height - (Math.min(value, top) / top) * height)}h1`)
  return `M0 ${height}${steps.join('')}V${height}z`
}

/** Bars from the bottom for slots with a value, at least `least` high: one failure among thousands must be seen. */
export const bars = (values: readonly number[], top: number, height: number, least: number): string =>
  values
    .map((value, slot) =>
      value > 0
        ? `M${slot} ${height}v${fixed(-Math.max(least, (Math.min(value, top) / top) * height))}h1V${height}z`
        : ''
    )
    .join('')

/** Highest value of a column, at least 1: an idle stream is a flat line, not a division by nothing. */
export const topOf = (values: readonly number[]): number => values.reduce((top, value) => Math.max(top, value), 1)

const fixed = (value: number): string => String(Math.round(value * 100) / 100)
