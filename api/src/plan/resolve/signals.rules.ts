import type { Static } from 'typebox'
import type { BodyMatch, HttpExpectation, ProbeSignal, RequestFilter, ResolvedSignal, StatusRange } from '../model.ts'
import { readListenAddress } from '../scalars.rules.ts'
import type { ExpectedBody, ExpectedStatus } from '../schema/signals.ts'
import type { ServiceEntry } from '../schema/services.ts'
import { durationMs, listOf } from './values.rules.ts'

type SignalEntry = NonNullable<ServiceEntry['signals']>[number]
type SignalInFull = Exclude<SignalEntry, string>
type FilterEntry = NonNullable<SignalInFull['self']>

/** Signals in the order of the plan, each with an id that stays while others of another kind come and go. */
export function resolveSignals(entries: readonly SignalEntry[]): ResolvedSignal[] {
  const counts = new Map<string, number>()
  return entries.map((entry) => {
    const inFull: SignalInFull = typeof entry === 'string' ? { [entry]: null } : entry
    const signal = withoutId(inFull)
    const count = counts.get(signal.kind) ?? 0
    counts.set(signal.kind, count + 1)
    const name = inFull.name ?? null
    return { id: name ?? `${signal.kind}:${count}`, name, ...signal }
  })
}

type WithoutId<S> = S extends ResolvedSignal ? Omit<S, 'id' | 'name'> : never

function withoutId(entry: SignalInFull): WithoutId<ResolvedSignal> {
  const { caddyLog, caddyLogTcp, probe, self } = entry
  if (caddyLog !== undefined) {
    const log = typeof caddyLog === 'string' ? { file: caddyLog } : caddyLog
    const { file, startAt = 'beginning', releaseHeader = 'X-Release' } = log
    return { kind: 'caddyLog', file, startAt, releaseHeader, filter: filterOf(log) }
  }
  if (caddyLogTcp !== undefined) {
    const listen = readListenAddress(caddyLogTcp.listen) ?? { host: '127.0.0.1', port: 0 }
    return {
      kind: 'caddyLogTcp',
      listen,
      releaseHeader: caddyLogTcp.releaseHeader ?? 'X-Release',
      filter: filterOf(caddyLogTcp)
    }
  }
  if (probe !== undefined) return resolveProbe(typeof probe === 'string' ? { url: probe } : probe)
  return self === undefined ? { kind: 'push' } : { kind: 'self', filter: filterOf(self ?? {}) }
}

const filterOf = ({ host, path, methods, exclude }: FilterEntry): RequestFilter => ({
  hosts: listOf(host).map((name) => name.toLowerCase()),
  paths: listOf(path),
  methods: listOf(methods),
  exclude: { paths: listOf(exclude?.paths), methods: listOf(exclude?.methods) }
})

const families = { any: 'any', ipv4: 4, ipv6: 6 } as const

function resolveProbe(probe: Exclude<NonNullable<SignalInFull['probe']>, string>): Omit<ProbeSignal, 'id' | 'name'> {
  const everyMs = durationMs(probe.every ?? '10s')
  return {
    kind: 'probe',
    url: probe.url,
    everyMs,
    timeoutMs: probe.timeout === undefined ? Math.min(5_000, everyMs) : durationMs(probe.timeout),
    method: probe.method ?? 'GET',
    headers: { ...probe.headers },
    secretHeaders: { ...probe.secretHeaders },
    body: probe.body ?? null,
    expect: expectationOf(probe.expect?.status, probe.expect?.body),
    tls: { verify: probe.tls?.verify ?? true, expiryWarningMs: durationMs(probe.tls?.expiryWarning ?? '14d') },
    maxRedirects: probe.redirects ?? 5,
    family: families[probe.family ?? 'any']
  }
}

export const expectationOf = (
  status: Static<typeof ExpectedStatus> = '2xx',
  body?: Static<typeof ExpectedBody>
): HttpExpectation => ({ status: listOf(status).map(rangeOf), body: bodyOf(body) })

function rangeOf(status: number | string): StatusRange {
  if (typeof status === 'number') return { from: status, to: status }
  if (status.endsWith('xx')) return { from: Number(status[0]) * 100, to: Number(status[0]) * 100 + 99 }
  const [from, to] = status.split('-').map(Number)
  return { from: from ?? 0, to: to ?? from ?? 0 }
}

function bodyOf(body: Static<typeof ExpectedBody> | undefined): BodyMatch | null {
  if (body === undefined) return null
  if (typeof body === 'string') return { kind: 'contains', text: body }
  return body.matches === undefined
    ? { kind: 'contains', text: body.contains ?? '' }
    : { kind: 'matches', pattern: body.matches }
}
