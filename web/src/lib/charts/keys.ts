const MOVES: Readonly<Record<string, number>> = {
  ArrowLeft: -1,
  ArrowDown: -1,
  ArrowRight: 1,
  ArrowUp: 1,
  PageDown: -10,
  PageUp: 10,
  Home: -Infinity,
  End: Infinity
}

/**
 * The slot a key leads to, held within the chart; null for a key that moves nothing.
 * From nowhere, a move to the left begins at the newest slot and one to the right at the oldest.
 */
export const keyMove = (
  { key, shiftKey }: { readonly key: string; readonly shiftKey: boolean },
  slot: number | null,
  points: number
): number | null => {
  const move = MOVES[key]
  if (move === undefined) return null
  const from = slot ?? (move > 0 ? -1 : points)
  return Math.min(points - 1, Math.max(0, from + move * (shiftKey ? 10 : 1)))
}
