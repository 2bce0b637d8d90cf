import type { Heatmap } from '@plimsoll/api/contract'
import { logShare } from './scale.ts'

/** A latency histogram over time as an image: rows are latencies, low ones at the bottom, on a logarithmic height. */
export interface HeatLayout {
  readonly lowMs: number
  readonly highMs: number
  /** Rows with something in them, and their places on the height, 0 at the bottom. */
  readonly rows: readonly {
    readonly row: number
    readonly from: number
    readonly to: number
    readonly lowMs: number
    readonly highMs: number
  }[]
  readonly most: number
}

/** The rows to show: all between the fastest and the slowest that hold anything, and the limit. Null when nothing came. */
export const heatLayout = ({ boundsMs, counts }: Heatmap, limitMs: number | null): HeatLayout | null => {
  let first = Infinity
  let last = -1
  let most = 0
  counts.forEach((column, row) => {
    const top = column.reduce((a, b) => Math.max(a, b), 0)
    if (top === 0) return
    first = Math.min(first, row)
    last = row
    most = Math.max(most, top)
  })
  if (last < 0) return null
  const lowest = Math.max(0.01, boundsMs[first] ?? 0)
  const lowMs = Math.min(lowest, limitMs ?? Infinity)
  const highMs = Math.max(boundsMs[last + 1] ?? lowest * 2, (limitMs ?? 0) * 1.2)
  const rows = Array.from({ length: last - first + 1 }, (_, index) => {
    const row = first + index
    const rowLowMs = boundsMs[row] ?? 0
    const rowHighMs = boundsMs[row + 1] ?? highMs
    return {
      row,
      from: logShare(rowLowMs, lowMs, highMs),
      to: logShare(rowHighMs, lowMs, highMs),
      lowMs: rowLowMs,
      highMs: rowHighMs
    }
  })
  return { lowMs, highMs, rows, most }
}

/** Steps of the palette; 0 is nothing at all. */
export const SHADES = 64

/** The shade of a count: by its square root, and one request among millions is still seen. */
export const shadeOf = (count: number, most: number): number =>
  count <= 0 ? 0 : Math.max(4, Math.round(Math.sqrt(count / Math.max(1, most)) * (SHADES - 1)))

/** Pixels of the image, one a cell, as indices into the palette: first row of the layout first. */
export const shadesOf = ({ counts }: Heatmap, { rows, most }: HeatLayout, points: number): Uint8Array => {
  const shades = new Uint8Array(rows.length * points)
  rows.forEach(({ row }, index) => {
    const column = counts[row] ?? []
    for (let slot = 0; slot < points; slot++) shades[index * points + slot] = shadeOf(column[slot] ?? 0, most)
  })
  return shades
}

export interface HeatReading {
  readonly total: number
  /** The row with most in it. */
  readonly usual: { readonly lowMs: number; readonly highMs: number; readonly count: number } | null
  /** The row at a height. */
  readonly pointed: { readonly lowMs: number; readonly highMs: number; readonly count: number } | null
}

/** What stands in one slot, and what at a height of it. */
export const readHeat = (
  { counts }: Heatmap,
  { rows }: HeatLayout,
  slot: number,
  height: number | null
): HeatReading => {
  let total = 0
  let usual: HeatReading['usual'] = null
  let pointed: HeatReading['pointed'] = null
  for (const { row, from, to, lowMs, highMs } of rows) {
    const count = counts[row]?.[slot] ?? 0
    total += count
    if (count > (usual?.count ?? 0)) usual = { lowMs, highMs, count }
    if (height !== null && height >= from && height < to) pointed = { lowMs, highMs, count }
  }
  return { total, usual, pointed }
}
