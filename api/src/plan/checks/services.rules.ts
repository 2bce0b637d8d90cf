/** What has to fit together inside a service. */
import { readDuration } from '../quantities.rules.ts'
import { describe, keyList } from '../fault-words.rules.ts'
import type { Fault } from '../fault.ts'
import { promiseParts } from './names.rules.ts'
import { at, errorAt, has, isMapping, itemsOf, keysOf, oneOrMany, textOf, type Place } from './place.rules.ts'

const signalKinds = ['caddyLog', 'caddyLogTcp', 'probe', 'push', 'self'] as const

/** Defaults of `schema/signals.ts` that a check compares with. */
const defaultEveryMs = 10_000
const defaultTimeoutMs = 5_000

export function checkServices(root: Place): Fault[] {
  return [
    ...wholeMinutes(at(root, 'defaults', 'window')),
    ...checkPromise(at(root, 'defaults', 'promise')),
    ...itemsOf(at(root, 'services')).flatMap((service) => [
      ...itemsOf(at(service, 'signals')).flatMap(checkSignal),
      ...onlyOnce(service),
      ...checkPromise(at(service, 'promise')),
      ...itemsOf(at(service, 'objectives')).flatMap(checkObjective),
      ...checkLoad(service)
    ])
  ]
}

function checkSignal(signal: Place): Fault[] {
  if (!isMapping(signal.value)) return []
  const kinds = signalKinds.filter((kind) => has(signal, kind))
  const expected = `one of ${keyList(signalKinds)}`
  if (kinds.length === 0) {
    const unknown = keysOf(signal).some((key) => key !== 'name')
    return unknown ? [] : [errorAt(signal, { text: 'this signal is of no kind', expected })] // the unknown key is said already
  }
  if (kinds.length > 1)
    return [
      errorAt(signal, {
        text: 'this signal is of several kinds',
        found: keyList(kinds),
        expected: `${expected}, each in an entry of its own`
      })
    ]
  return checkProbe(at(signal, 'probe'))
}

function checkProbe(probe: Place): Fault[] {
  if (!isMapping(probe.value)) return []
  const faults: Fault[] = []
  const everyMs = readDuration(textOf(at(probe, 'every')) ?? '') ?? defaultEveryMs
  const timeout = at(probe, 'timeout')
  const timeoutMs = readDuration(textOf(timeout) ?? '') ?? Math.min(defaultTimeoutMs, everyMs)
  if (timeoutMs > everyMs) {
    const every = textOf(at(probe, 'every')) ?? '10s'
    faults.push(
      errorAt(timeout, {
        text: 'a probe may not take longer than the time to the next one',
        found: textOf(timeout) ?? undefined,
        expected: `at most ${every}, or a longer \`every\``
      })
    )
  }
  const method = textOf(at(probe, 'method')) ?? 'GET'
  if (has(probe, 'body') && (method === 'GET' || method === 'HEAD')) {
    faults.push(
      errorAt(
        at(probe, 'body'),
        { text: `a ${method} request carries no body`, expected: '`method: POST`, or no body' },
        'key'
      )
    )
  }
  return [...faults, ...openSecrets(at(probe, 'headers'))]
}

/** Plimsoll has one stream of its own requests and one of pushes per service. */
function onlyOnce(service: Place): Fault[] {
  const seen = new Set<string>()
  return itemsOf(at(service, 'signals')).flatMap((signal) => {
    const kind = textOf(signal) ?? (['self', 'push'] as const).find((name) => has(signal, name))
    if (kind !== 'self' && kind !== 'push') return []
    if (seen.has(kind))
      return [
        errorAt(signal, {
          text: `\`${kind}\` is there twice: everything would count twice`,
          expected: `\`${kind}\` once`
        })
      ]
    seen.add(kind)
    return []
  })
}

function checkPromise(promise: Place): Fault[] {
  if (!isMapping(promise.value)) return []
  if (promiseParts.some((part) => has(promise, part))) return wholeMinutes(at(promise, 'window'))
  const strange = keysOf(promise).some((key) => key !== 'window' && key !== 'from')
  return strange
    ? []
    : [
        errorAt(promise, {
          text: 'this promises nothing',
          expected: `at least one of ${keyList(promiseParts)}; or \`objectives: []\` for a service without a promise`
        })
      ]
}

function checkObjective(objective: Place): Fault[] {
  const indicator = textOf(at(objective, 'indicator'))
  const threshold = at(objective, 'threshold')
  const faults: Fault[] = []
  if (indicator === 'latency' && threshold.value === undefined) {
    faults.push(errorAt(objective, { text: '`threshold` is missing: what is slow?', expected: '`threshold: 200ms`' }))
  }
  if ((indicator === 'availability' || indicator === 'errors') && threshold.value !== undefined) {
    const expected = '`indicator: latency`, or no threshold'
    faults.push(
      errorAt(
        threshold,
        { text: `\`threshold\` means nothing to ${indicator}`, found: describe(threshold.value), expected },
        'key'
      )
    )
  }
  if (textOf(at(objective, 'from')) === 'probes') {
    const strange = oneOrMany(at(objective, 'class')).filter(
      (name) => textOf(name) !== 'synthetic' && textOf(name) !== null
    )
    faults.push(
      ...strange.map((name) =>
        errorAt(name, {
          text: 'probes are synthetic traffic',
          found: textOf(name) ?? undefined,
          expected: '`class: synthetic`, or no class'
        })
      )
    )
  }
  return [
    ...faults,
    ...wholeMinutes(at(objective, 'window')),
    ...wholeMinutes(at(objective, 'budgeting', 'timeSlices', 'every'))
  ]
}

/** Counts are kept by the minute for as long as windows are. */
function wholeMinutes(place: Place): Fault[] {
  const ms = readDuration(textOf(place) ?? '')
  return ms === null || ms % 60_000 === 0
    ? []
    : [
        errorAt(place, {
          text: 'only whole minutes can be judged',
          found: textOf(place) ?? undefined,
          expected: 'whole minutes'
        })
      ]
}

function checkLoad(service: Place): Fault[] {
  const requireRun = at(service, 'gate', 'requireRun')
  const faults = openSecrets(at(service, 'load', 'headers'))
  if (requireRun.value !== true || has(service, 'load')) return faults
  return [
    ...faults,
    errorAt(requireRun, {
      text: 'no run is possible without `load`',
      found: 'true',
      expected: '`load` with a URL and requests, or `requireRun: false`'
    })
  ]
}

/** A plan is shown to everybody who may read; a token in it would be too. */
export function openSecrets(headers: Place): Fault[] {
  const secret = /^(authorization|proxy-authorization|cookie|x-api-key|x-auth-token)$/i
  return keysOf(headers)
    .filter((name) => secret.test(name))
    .map((name) =>
      errorAt(
        at(headers, name),
        {
          text: `\`${name}\` is a secret, and a plan is shown to everybody`,
          expected: `\`secretHeaders: { ${name}: PLAN_SECRET_… }\``
        },
        'key'
      )
    )
}
