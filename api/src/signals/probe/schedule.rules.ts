/** Share of the interval by which a probe comes earlier or later, so that many never march in step. */
const jitterRatio = 0.1

/**
 * When a probe is sent for the first time: spread over the first interval, ten seconds at most, so
 * that a start neither bursts nor leaves the page empty for long.
 *
 * @param everyMs - interval of the probe, ms
 * @param random - in [0, 1)
 */
export const firstDelayMs = (everyMs: number, random: number): number => Math.min(everyMs, 10_000) * random

/**
 * How long to wait after a probe has ended until the next is sent. Probes keep to a grid of their
 * interval, plus or minus 10 %; one that took longer than the interval skips what it missed and
 * never overlaps itself.
 *
 * @param everyMs - interval of the probe, ms, above 0
 * @param tookMs - how long the probe that just ended took, ms
 * @param random - in [0, 1)
 * @returns ms, above 0
 */
export function nextDelayMs(everyMs: number, tookMs: number, random: number): number {
  const missed = Math.floor(tookMs / everyMs)
  const untilGridMs = (missed + 1) * everyMs - tookMs
  return Math.max(1, untilGridMs + (random * 2 - 1) * jitterRatio * everyMs)
}
