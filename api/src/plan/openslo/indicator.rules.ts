import { at, has, isMapping, textOf, warningAt, type Place } from '../checks/place.rules.ts'
import { writeDuration } from '../quantities.rules.ts'
import type { Fault } from '../fault.ts'

/** The metric source under which Plimsoll writes what it counts itself; its spec has the words of a plan. */
export const ownSource = 'plimsoll'

/**
 * What an OpenSLO indicator measures, in the words of a plan; null, with a fault, when nothing here
 * does. Plimsoll counts requests itself: a query of another source is not run, and that is said.
 */
export function readIndicator(
  indicator: Place | null,
  objective: Place,
  faults: Fault[]
): Record<string, unknown> | null {
  if (indicator === null) return null
  const ratio = at(indicator, 'spec', 'ratioMetric')
  const threshold = at(indicator, 'spec', 'thresholdMetric')
  if (isMapping(threshold.value)) return readThreshold(threshold, objective, faults)
  if (isMapping(ratio.value)) return readRatio(ratio, faults)
  faults.push(
    warningAt(indicator, {
      text: 'this indicator has no counterpart here and is left out',
      expected: '`ratioMetric` or `thresholdMetric`'
    })
  )
  return null
}

function readRatio(ratio: Place, faults: Fault[]): Record<string, unknown> {
  const side = ['good', 'bad', 'total'].map((key) => at(ratio, key)).find((place) => isMapping(place.value)) ?? ratio
  const source = at(side, 'metricSource')
  const own = ownWords(source)
  if (own) return own
  faults.push(notRun(source, 'availability of all requests'))
  return { indicator: 'availability' }
}

const milliseconds: Readonly<Record<string, number>> = { ms: 1, s: 1_000, seconds: 1_000, milliseconds: 1 }

function readThreshold(threshold: Place, objective: Place, faults: Fault[]): Record<string, unknown> | null {
  const source = at(threshold, 'metricSource')
  const op = textOf(at(objective, 'op')) ?? 'lte'
  if (op !== 'lt' && op !== 'lte') {
    faults.push(
      warningAt(at(objective, 'op'), {
        text: 'only values that have to stay below a limit are known here; the objective is left out',
        found: op,
        expected: 'lt or lte'
      })
    )
    return null
  }
  const value = at(objective, 'value')
  const unit = at(source, 'spec', 'unit')
  const factor = milliseconds[textOf(unit) ?? '']
  if (typeof value.value !== 'number' || factor === undefined) {
    const expected = '`value: 200` in the objective and `unit: ms` in the spec of the metric source'
    faults.push(
      warningAt(objective, {
        text: 'the limit has no unit, and guessing it could be wrong by a thousand; the objective is left out',
        expected
      })
    )
    return null
  }
  const own = ownWords(source)
  if (!own) faults.push(notRun(source, 'latency of all requests'))
  return { ...(own ?? { indicator: 'latency' }), threshold: writeDuration(Math.round(value.value * factor)) }
}

/** The spec of our own metric source: `indicator`, `path`, `class`, `from`. */
function ownWords(source: Place): Record<string, unknown> | null {
  const spec = at(source, 'spec')
  if (textOf(at(source, 'type'))?.toLowerCase() !== ownSource || !isMapping(spec.value)) return null
  const words = ['indicator', 'path', 'class', 'from'].filter((key) => has(spec, key))
  return Object.fromEntries(words.map((key) => [key, at(spec, key).value]))
}

const notRun = (source: Place, instead: string): Fault =>
  warningAt(source, {
    text: `the query of ${textOf(at(source, 'type')) ?? textOf(at(source, 'metricSourceRef')) ?? 'this source'} is not run: ${instead} is judged instead, as Plimsoll counts them`,
    expected: `a metric source of type ${ownSource}`
  })
