/** What has to fit together in the signals of a service. */
import { describe, keyList } from '../fault-words.rules.ts'
import type { Fault } from '../fault.ts'
import { readDuration } from '../quantities.rules.ts'
import { at, errorAt, has, isMapping, itemsOf, keysOf, textOf, type Place } from './place.rules.ts'

const signalKinds = ['caddyLog', 'caddyLogTcp', 'probe', 'push', 'self'] as const
const oneKind = `one of ${keyList(signalKinds)}`

/** As in `schema/signals.ts`. */
const standardEvery = '10s'

export const checkSignals = (service: Place): Fault[] => {
  const signals = itemsOf(at(service, 'signals'))
  return [...signals.flatMap(checkSignal), ...countedTwice(signals)]
}

/** Whether a service is known by its probes alone, and so judged by them. */
export function isOnlyProbed(service: Place): boolean {
  const signals = itemsOf(at(service, 'signals'))
  return signals.length > 0 && signals.every((signal) => has(signal, 'probe'))
}

function checkSignal(signal: Place): Fault[] {
  if (!isMapping(signal.value)) return []
  const kinds = signalKinds.filter((kind) => has(signal, kind))
  if (kinds.length > 1) {
    const expected = `${oneKind}, each in an entry of its own`
    return [errorAt(signal, { text: 'this signal is of several kinds', found: keyList(kinds), expected })]
  }
  if (kinds.length === 1) return checkProbe(at(signal, 'probe'))
  // an unknown key is the better explanation, and is given already
  const isBare = keysOf(signal).every((key) => key === 'name')
  return isBare ? [errorAt(signal, { text: 'this signal is of no kind', expected: oneKind })] : []
}

function checkProbe(probe: Place): Fault[] {
  if (!isMapping(probe.value)) return []
  const faults = openSecrets(at(probe, 'headers'))
  const every = textOf(at(probe, 'every')) ?? standardEvery
  const everyMs = readDuration(every) ?? Infinity
  const timeout = at(probe, 'timeout')
  const timeoutMs = readDuration(textOf(timeout) ?? '') ?? 0
  if (timeoutMs > everyMs) {
    const text = 'a probe may not take longer than the time to the next one'
    faults.push(
      errorAt(timeout, { text, found: describe(timeout.value), expected: `at most ${every}, or a longer \`every\`` })
    )
  }
  const method = textOf(at(probe, 'method')) ?? 'GET'
  if (has(probe, 'body') && (method === 'GET' || method === 'HEAD')) {
    const text = `a ${method} request carries no body`
    faults.push(errorAt(at(probe, 'body'), { text, expected: '`method: POST`, or no body' }, 'key'))
  }
  return faults
}

/** Plimsoll has one stream of its own requests, and one of pushes per service. */
function countedTwice(signals: readonly Place[]): Fault[] {
  return (['self', 'push'] as const).flatMap((kind) => {
    const text = `\`${kind}\` is there twice: everything would count twice`
    const again = signals.filter((signal) => textOf(signal) === kind || has(signal, kind)).slice(1)
    return again.map((signal) => errorAt(signal, { text, expected: `\`${kind}\` once` }))
  })
}

const secretHeader = /^(authorization|proxy-authorization|cookie|x-api-key|x-auth-token)$/i

/** A plan is shown to everybody who may read; a token in it would be too. */
export const openSecrets = (headers: Place): Fault[] =>
  keysOf(headers)
    .filter((name) => secretHeader.test(name))
    .map((name) => {
      const text = `\`${name}\` is a secret, and a plan is shown to everybody`
      return errorAt(at(headers, name), { text, expected: `\`secretHeaders: { ${name}: PLAN_SECRET_… }\`` }, 'key')
    })
