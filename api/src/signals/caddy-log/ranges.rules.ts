/** Bytes of a file: from inclusive, to exclusive. Lists of ranges are sorted and do not touch. */
export type ByteRange = readonly [from: number, to: number]

/** The ranges with one more; those that overlap or touch become one. */
export function withRange(ranges: readonly ByteRange[], [from, to]: ByteRange): ByteRange[] {
  if (to <= from) return [...ranges]
  const before = ranges.filter((range) => range[1] < from)
  const after = ranges.filter((range) => range[0] > to)
  const joined = ranges.filter((range) => range[1] >= from && range[0] <= to)
  const first = Math.min(from, ...joined.map((range) => range[0]))
  const last = Math.max(to, ...joined.map((range) => range[1]))
  return [...before, [first, last], ...after]
}

/** First byte that is in none of the ranges. */
export const firstGap = (ranges: readonly ByteRange[]): number => (ranges[0]?.[0] === 0 ? ranges[0][1] : 0)

/**
 * Reads the stored form, a JSON array of pairs.
 *
 * @throws RangeError when it is none, or not in order
 */
export function parseRanges(text: string): ByteRange[] {
  const ranges = JSON.parse(text) as unknown
  if (!Array.isArray(ranges) || !ranges.every(isRange)) throw new RangeError(`no byte ranges: ${text}`)
  if (ranges.some((range, i) => i > 0 && range[0] <= ranges[i - 1]![1])) {
    throw new RangeError(`byte ranges out of order: ${text}`)
  }
  return ranges
}

const isRange = (range: unknown): range is ByteRange =>
  Array.isArray(range) &&
  range.length === 2 &&
  range.every((edge) => Number.isSafeInteger(edge) && edge >= 0) &&
  range[0] < range[1]
