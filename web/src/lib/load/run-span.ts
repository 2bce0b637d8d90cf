import type { LoadRun } from '@plimsoll/api/contract'
import { axisOf, type Axis } from '../charts/axis.ts'
import type { Span } from '../time/range.ts'

const SECOND = 1_000

/** The seconds of a run as a chart's slots. */
export const runAxis = ({ startedAt, seconds }: Pick<LoadRun, 'startedAt' | 'seconds'>): Axis =>
  axisOf({ fromAt: startedAt, stepMs: SECOND }, seconds.total.length)

/**
 * What of a run is shown, from its address: seconds from its start, `12-40`. The whole of it when
 * nothing, or nothing that makes sense, is asked for.
 */
export const runSpan = ({ fromMs, stepMs, points }: Axis, asked: string | null): Span => {
  const [from = NaN, to = NaN] = (/^(\d+)-(\d+)$/.exec(asked ?? '')?.slice(1) ?? []).map(Number)
  const whole = { fromMs, toMs: fromMs + Math.max(1, points) * stepMs }
  const fits = from >= 0 && to <= points && to - from >= 2
  return fits ? { fromMs: fromMs + from * SECOND, toMs: fromMs + to * SECOND } : whole
}

/** A zoom as the address has it: whole seconds, at least five of them, within the run. */
export const spanParam = ({ fromMs, points }: Axis, zoom: Span): string | null => {
  const from = Math.max(0, Math.min(points - 5, Math.floor((zoom.fromMs - fromMs) / SECOND)))
  const to = Math.min(points, Math.max(from + 5, Math.ceil((zoom.toMs - fromMs) / SECOND)))
  return from <= 0 && to >= points ? null : `${Math.max(0, from)}-${to}`
}
