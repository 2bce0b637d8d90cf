import type { Tier } from '../tiers.rules.ts'

/** A ring of slots: the newest `slots` intervals of `widthMs`. */
export interface RingLayout {
  readonly widthMs: number
  readonly slots: number
}

/** A window that is summed as time goes by: the current slot of a ring and those before it. */
export interface WindowLayout {
  readonly ring: number
  readonly slots: number
  /** `slots` × the ring's width. */
  readonly durationMs: number
}

/** How the counts of an objective lie in memory. */
export interface SeriesLayout {
  /** Fine, middle, coarse: each complete for its own span. */
  readonly rings: readonly RingLayout[]
  readonly windows: readonly WindowLayout[]
  /** Window of the whole budget. */
  readonly budget: number
  /** Long and short window of each tier, in the order given. */
  readonly tiers: readonly { readonly long: number; readonly short: number }[]
}

const secondMs = 1_000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs

/** Slot widths that divide each other's multiples and the widths of the store. */
const widths = [
  10 * secondMs,
  20 * secondMs,
  30 * secondMs,
  minuteMs,
  2 * minuteMs,
  5 * minuteMs,
  10 * minuteMs,
  15 * minuteMs,
  30 * minuteMs,
  hourMs,
  2 * hourMs,
  3 * hourMs,
  6 * hourMs,
  12 * hourMs,
  24 * hourMs
] as const

/**
 * Most slots of each ring: 6 h of 10 s (pages, and the slots their evidence is voted in), 3 d of
 * 10 min (tickets), 31 d of 1 h (the budget). 4 + 8 + 8 bytes a slot make 18 kB an objective.
 */
const most = { fine: 2_160, middle: 432, coarse: 745 } as const

/**
 * Where the counts of objectives with this window and these tiers go. Pages are summed in fine
 * slots, tickets in middle ones, the budget in coarse ones; a window reaches back at most its length
 * and at least its length less one slot.
 *
 * @param spanMs - the longest the objective's window gets
 */
export const layoutFor = (spanMs: number, tiers: readonly Tier[]): SeriesLayout => {
  const pages = Math.max(minuteMs, ...tiers.filter(({ severity }) => severity === 'page').map(({ longMs }) => longMs))
  const tickets = Math.max(pages, ...tiers.map(({ longMs }) => longMs))
  const rings = [
    ringFor(pages, most.fine, 0),
    ringFor(tickets, most.middle, minuteMs),
    ringFor(spanMs, most.coarse, minuteMs)
  ]
  const windows: WindowLayout[] = []
  const place = (durationMs: number): number => {
    const ring = rings.findIndex(({ widthMs, slots }) => widthMs * slots >= durationMs)
    const { widthMs } = rings[ring]!
    const slots = Math.max(1, Math.round(durationMs / widthMs))
    const known = windows.findIndex((window) => window.ring === ring && window.slots === slots)
    return known >= 0 ? known : windows.push({ ring, slots, durationMs: slots * widthMs }) - 1
  }
  const placed = tiers.map(({ longMs, shortMs }) => ({ long: place(longMs), short: place(shortMs) }))
  const { widthMs } = rings[2]!
  const slots = Math.max(1, Math.floor(spanMs / widthMs))
  const budget = windows.push({ ring: 2, slots, durationMs: slots * widthMs }) - 1
  return { rings, windows, budget, tiers: placed }
}

const ringFor = (spanMs: number, mostSlots: number, leastWidthMs: number): RingLayout => {
  const widthMs =
    widths.find((width) => width >= leastWidthMs && spanMs / width <= mostSlots) ??
    Math.ceil(spanMs / mostSlots / hourMs) * hourMs
  return { widthMs, slots: Math.max(1, Math.ceil(spanMs / widthMs)) }
}
