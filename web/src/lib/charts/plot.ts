import type { Upright } from './reading.ts'

/** Drawings over two values, neither of them time: places are shares of width and height, 0 at the left and the bottom. */

export interface Place {
  readonly x: number
  readonly y: number
}

/** Side of the square that a plot's paths are drawn in; the page stretches it. */
export const SIDE = 1_000

/** A line through places, in their order. */
export const linePath = (places: readonly Place[]): string =>
  places.map(({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${fixed(x)} ${fixed(1 - y)}`).join('')

/** The place that stands nearest to a share of the width; -1 when there is none. */
export const nearest = (places: readonly Pick<Place, 'x'>[], x: number): number =>
  places.reduce(
    (best, place, index) =>
      best < 0 || Math.abs(place.x - x) < Math.abs((places[best]?.x ?? Infinity) - x) ? index : best,
    -1
  )

/** Least room for a label along the foot, px. */
const LABEL_PX = 42

/** Labels along the foot that do not run into each other; a major one takes the place of its neighbours. */
export const thinned = (uprights: readonly Upright[], widthPx: number): Upright[] => {
  const kept: Upright[] = []
  for (const next of uprights.toSorted((a, b) => Number(b.major) - Number(a.major))) {
    if (kept.every(({ share }) => Math.abs(share - next.share) * widthPx >= LABEL_PX)) kept.push(next)
  }
  return kept.toSorted((a, b) => a.share - b.share)
}

const fixed = (share: number): number => Math.round(Math.min(1.5, Math.max(-0.5, share)) * SIDE * 100) / 100
