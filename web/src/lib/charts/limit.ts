/** A value beside its limit on one short scale. */
export interface LimitScale {
  /** Places on the scale, 0 to 1. */
  readonly limit: number
  readonly value: number | null
  readonly over: boolean
  readonly ticks: readonly number[]
}

/** The limit stands at two thirds; a value past one and a half times the limit pins the needle at the end. */
export const limitScale = (value: number | null, limit: number): LimitScale => {
  const end = limit * 1.5
  return {
    limit: limit / end,
    value: value === null ? null : Math.min(1, value / end),
    over: value !== null && value > limit,
    ticks: [0, 1, 2, 3, 4, 5, 6].map((sixth) => sixth / 6)
  }
}
