/** Values on a chart's height, and the ticks people can read them by. */

export interface Tick {
  /** Place on the height, 0 at the bottom to 1 at the top. */
  readonly share: number
  readonly value: number
}

export interface Scale {
  readonly top: number
  readonly ticks: readonly Tick[]
}

/** A linear scale from zero to the first round number at or above `highest`, with three to five ticks. */
export const linearScale = (highest: number, least: number): Scale => {
  const wanted = Math.max(highest, least)
  const step = niceStep(wanted / 3)
  const steps = Math.max(1, Math.ceil(wanted / step - 1e-9))
  const top = steps * step
  return {
    top,
    ticks: Array.from({ length: steps + 1 }, (_, index) => ({ share: index / steps, value: round(index * step) }))
  }
}

/** 1, 2, 2.5 or 5 times a power of ten, at or above what is asked. */
const niceStep = (rough: number): number => {
  const power = 10 ** Math.floor(Math.log10(rough))
  return ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999) ?? 10) * power
}

const round = (value: number): number => Number(value.toPrecision(12))

/** Where a value stands on a logarithmic height between two values above 0; held within it. */
export const logShare = (value: number, low: number, high: number): number =>
  Math.min(1, Math.max(0, Math.log(Math.max(value, low) / low) / Math.log(high / low)))

/** Ticks at 1, 10, 100 … and, where there is room, their 2nd and 5th multiples. */
export const logTicks = (low: number, high: number): Tick[] => {
  const decades = Math.log10(high / low)
  const factors = decades > 3 ? [1] : decades > 1.6 ? [1, 3] : [1, 2, 5]
  const ticks: Tick[] = []
  for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10) {
    for (const factor of factors) {
      const value = round(power * factor)
      if (value >= low && value <= high) ticks.push({ share: logShare(value, low, high), value })
    }
  }
  return ticks
}
