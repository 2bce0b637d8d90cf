/** What has to fit together in the promises of a service. */
import { describe, keyList } from '../fault-words.rules.ts'
import type { Fault } from '../fault.ts'
import { readDuration, readInstant } from '../quantities.rules.ts'
import { promiseParts } from './names.rules.ts'
import { at, errorAt, has, isMapping, itemsOf, keysOf, oneOrMany, textOf, type Place } from './place.rules.ts'
import { checkSignals, isOnlyProbed, openSecrets } from './signals.rules.ts'

export function checkServices(root: Place): Fault[] {
  const defaults = at(root, 'defaults')
  return [
    ...wholeMinutes(at(defaults, 'window')),
    ...checkPromise(at(defaults, 'promise')),
    ...itemsOf(at(root, 'services')).flatMap((service) => [
      ...checkSignals(service),
      ...checkPromise(at(service, 'promise')),
      ...itemsOf(at(service, 'objectives')).flatMap((objective) => checkObjective(objective, service)),
      ...checkLoad(service),
      ...checkGate(at(service, 'gate'))
    ]),
    ...checkGate(at(defaults, 'gate'))
  ]
}

function checkPromise(promise: Place): Fault[] {
  if (!isMapping(promise.value)) return []
  if (promiseParts.some((part) => has(promise, part))) return wholeMinutes(at(promise, 'window'))
  if (keysOf(promise).some((key) => key !== 'window' && key !== 'from')) return [] // the unknown key is said already
  const expected = `at least one of ${keyList(promiseParts)}; or \`objectives: []\` for a service without a promise`
  return [errorAt(promise, { text: 'this promises nothing', expected })]
}

const checkObjective = (objective: Place, service: Place): Fault[] => [
  ...checkThreshold(objective),
  ...checkClass(objective, service),
  ...wholeMinutes(at(objective, 'window')),
  ...wholeMinutes(at(objective, 'budgeting', 'timeSlices', 'every'))
]

function checkThreshold(objective: Place): Fault[] {
  const indicator = textOf(at(objective, 'indicator'))
  const threshold = at(objective, 'threshold')
  if (indicator === 'latency' && threshold.value === undefined) {
    return [errorAt(objective, { text: '`threshold` is missing: what is slow?', expected: '`threshold: 200ms`' })]
  }
  if ((indicator !== 'availability' && indicator !== 'errors') || threshold.value === undefined) return []
  const words = { found: describe(threshold.value), expected: '`indicator: latency`, or no threshold' }
  return [errorAt(threshold, { text: `\`threshold\` means nothing to ${indicator}`, ...words }, 'key')]
}

function checkClass(objective: Place, service: Place): Fault[] {
  const from = textOf(at(objective, 'from')) ?? (isOnlyProbed(service) ? 'probes' : 'requests')
  if (from !== 'probes') return []
  return oneOrMany(at(objective, 'class')).flatMap((name) => {
    const found = textOf(name)
    if (found === null || found === 'synthetic') return []
    return [errorAt(name, { text: 'probes are synthetic traffic', found, expected: '`class: synthetic`, or no class' })]
  })
}

/** Counts are kept by the minute for as long as windows are. */
function wholeMinutes(place: Place): Fault[] {
  const ms = readDuration(textOf(place) ?? '')
  if (ms === null || ms % 60_000 === 0) return []
  const words = { found: describe(place.value), expected: 'whole minutes' }
  return [errorAt(place, { text: 'only whole minutes can be judged', ...words })]
}

function checkLoad(service: Place): Fault[] {
  const requireRun = at(service, 'gate', 'requireRun')
  const faults = openSecrets(at(service, 'load', 'headers'))
  if (requireRun.value !== true || has(service, 'load')) return faults
  const expected = '`load` with a URL and requests, or `requireRun: false`'
  return [...faults, errorAt(requireRun, { text: 'no run is possible without `load`', found: 'true', expected })]
}

export const checkGate = (gate: Place): Fault[] =>
  [gate, ...keysOf(at(gate, 'environments')).map((name) => at(gate, 'environments', name))]
    .flatMap((policy) => itemsOf(at(policy, 'freezes')))
    .flatMap(checkFreeze)

/** Once, from one time to another, or every week. */
function checkFreeze(freeze: Place): Fault[] {
  if (!isMapping(freeze.value)) return []
  const once = has(freeze, 'from') || has(freeze, 'to')
  const weekly = has(freeze, 'weekly')
  const [from, to] = [textOf(at(freeze, 'from')), textOf(at(freeze, 'to'))]
  const expected = 'either `from` and `to`, or `weekly`'
  if (once && weekly) return [errorAt(freeze, { text: 'this freeze is both once and every week', expected })]
  if (weekly) return checkWeekly(at(freeze, 'weekly'))
  if (from === null || to === null) return [errorAt(freeze, { text: 'nobody knows when this freeze is', expected })]
  const [fromMs, toMs] = [readInstant(from), readInstant(to)]
  if (fromMs === null || toMs === null || fromMs < toMs) return []
  return [errorAt(at(freeze, 'to'), { text: 'it ends before it begins', found: to, expected: `a time after ${from}` })]
}

function checkWeekly(weekly: Place): Fault[] {
  const [from, to] = [textOf(at(weekly, 'from')) ?? '00:00', textOf(at(weekly, 'to')) ?? '24:00']
  if (from !== to) return []
  return [errorAt(weekly, { text: 'it ends when it begins', found: to, expected: `another time than ${from}` })]
}
