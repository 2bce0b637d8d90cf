import t from 'tap'
import type { Tally } from '../burn.rules.ts'
import { tiersFor } from '../tiers.rules.ts'
import { lookAtTiers, quiet, type BurnMemory, type TierReading } from './burn-alert.rules.ts'
import { causeOf, dedupKeyOf, isFailuresOnly, sameRequests } from './cause.rules.ts'
import { certificateCondition, silenceCondition } from './conditions.ts'
import { decodeCursor, encodeCursor } from './cursor.rules.ts'

const minuteMs = 60_000
const dayMs = 86_400_000
const nowMs = Date.UTC(2026, 10, 19, 9, 30)
const target = 0.999
const tiers = tiersFor(30 * dayMs, target)

/** Traffic at a burn rate; nothing at all for null. */
const at = (burn: number | null, total = 100_000): Tally =>
  burn === null ? { total: 0, bad: 0 } : { total, bad: burn * total * 0.001 }

interface Seen {
  readonly long: number | null
  readonly short: number | null
  /** e-value of the whole window, and of what came after the last calm. */
  readonly evidence?: number
  readonly evidenceSince?: number
  readonly burnSince?: number
}

const readings = (seen: Partial<Record<0 | 1 | 2 | 3, Seen>>): TierReading[] =>
  tiers.map((tier, i) => {
    const { long, short, evidence = 1e6, evidenceSince = 0.5, burnSince = 0 } = seen[i as 0] ?? { long: 0, short: 0 }
    return {
      tier,
      long: at(long),
      short: at(short),
      logE: (sinceMs) => Math.log(sinceMs === -Infinity ? evidence : evidenceSince),
      longSince: () => at(burnSince)
    }
  })

const look = (seen: Parameters<typeof readings>[0], memory: BurnMemory = quiet, atMs = nowMs) =>
  lookAtTiers(readings(seen), memory, atMs, target)

t.test('a tier opens when both windows burn and it is no bad luck', async (t) => {
  const cases = [
    { name: 'both windows and evidence', seen: { long: 20, short: 30 }, event: 'opened' },
    { name: 'only the long window: it is over', seen: { long: 20, short: 3 }, event: 'none' },
    { name: 'only the short window: it may be a moment', seen: { long: 3, short: 30 }, event: 'none' },
    { name: 'too little evidence: one failure at night', seen: { long: 20, short: 30, evidence: 999 }, event: 'none' },
    { name: 'exactly at the factor', seen: { long: 14.4, short: 14.4 }, event: 'none' },
    { name: 'nothing in the short window', seen: { long: 20, short: null }, event: 'none' }
  ] as const
  for (const { name, seen, event } of cases) t.equal(look({ 0: seen }).event, event, name)
  t.equal(look({ 3: { long: 2, short: 2, evidence: 100 } }).event, 'opened', 'a ticket needs an e-value of 100')
})

t.test('the fastest tier speaks alone', async (t) => {
  const all = { long: 20, short: 30 }
  t.equal(look({ 0: all, 1: all, 2: all, 3: all }).memory.firing, 0)
  const slow = look({ 1: { long: 8, short: 9 }, 2: all, 3: all })
  t.equal(slow.memory.firing, 1)
  t.equal(look({ 1: all, 3: all }, slow.memory).event, 'none', 'and goes on speaking')
  const worse = look({ 0: all, 1: all }, slow.memory)
  t.equal(worse.event, 'escalated')
  t.equal(worse.memory.firing, 0)
})

t.test('an alert ends when its short window was calm for as long as that window is', async (t) => {
  let memory: BurnMemory = { ...quiet, firing: 0 }
  const step = (short: number | null, minutes: number, long: number | null = 20) => {
    const found = look({ 0: { long, short } }, memory, nowMs + minutes * minuteMs)
    memory = found.memory
    return found.event
  }
  t.equal(step(20, 0), 'none')
  t.equal(step(14.4, 1), 'none', 'calm begins')
  t.equal(step(3, 5), 'none', 'four minutes')
  t.equal(step(16, 5.5), 'none', 'it burns again')
  t.equal(memory.calmSinceMs, null, 'calm begins anew')
  t.equal(step(2, 6), 'none')
  t.equal(step(null, 8), 'none', 'no requests are no sign either way')
  t.equal(memory.calmSinceMs, nowMs + 6 * minuteMs)
  t.equal(step(2, 11), 'resolved', 'five minutes after six')
  t.strictSame(memory, { firing: null, calmSinceMs: null, last: { tier: 0, calmSinceMs: nowMs + 6 * minuteMs } })
})

t.test('an outage that keeps all requests away ends nothing, until the long window is empty too', async (t) => {
  const memory: BurnMemory = { ...quiet, firing: 0 }
  t.equal(look({ 0: { long: 500, short: null } }, memory, nowMs + 50 * minuteMs).event, 'none')
  t.equal(look({ 0: { long: null, short: null } }, memory, nowMs + 61 * minuteMs).event, 'resolved')
})

t.test('slower tiers do not tell the old story again', async (t) => {
  const ended: BurnMemory = { ...quiet, last: { tier: 0, calmSinceMs: nowMs - 20 * minuteMs } }
  const old = { long: 8, short: 12 }
  t.equal(look({ 1: old, 2: old }, ended).event, 'none', 'six hours still see the incident')
  t.equal(look({ 1: { ...old, burnSince: 8 } }, ended).event, 'none', 'more failures, but they may be bad luck')
  t.equal(look({ 1: { ...old, burnSince: 8, evidenceSince: 2_000 } }, ended).event, 'opened', 'a new incident')
  t.equal(look({ 0: { long: 20, short: 30 } }, ended).event, 'opened', 'the same tier speaks whenever it sees both')
  t.equal(
    look({ 1: old }, ended, nowMs + 6 * 60 * minuteMs).event,
    'opened',
    'when its window has left the incident behind, it is plain again'
  )
})

t.test('when failures go on at a slower pace, a slower tier takes over', async (t) => {
  const calm: BurnMemory = { ...quiet, firing: 1, calmSinceMs: nowMs - 30 * minuteMs }
  const eased = look({ 1: { long: 7, short: 4 }, 2: { long: 4, short: 4, burnSince: 4 } }, calm)
  t.equal(eased.event, 'eased')
  t.equal(eased.memory.firing, 2)
  const over = look({ 1: { long: 7, short: 0 }, 2: { long: 4, short: 4, burnSince: 0 } }, calm)
  t.equal(over.event, 'resolved')
})

t.test('a plan with fewer tiers ends what the missing one said', async (t) => {
  t.equal(lookAtTiers([], { ...quiet, firing: 2 }, nowMs, target).event, 'resolved')
})

t.test('one cause, one alert', async (t) => {
  const availability = {
    service: 's',
    origin: 'requests',
    classes: ['user'],
    path: null,
    indicator: 'availability'
  } as const
  const latency = { ...availability, indicator: 'latency' } as const
  t.equal(causeOf(availability), 'failures')
  t.equal(causeOf({ indicator: 'errors' }), 'failures')
  t.equal(causeOf(latency), 'latency')
  t.equal(sameRequests(availability, latency), true)
  t.equal(sameRequests(availability, { ...latency, path: '/api/*' }), false)
  t.equal(sameRequests(availability, { ...latency, classes: ['user', 'load'] }), false)
  const cases = [
    { name: 'all slow requests are failed ones', slow: 500, failed: 500, only: true },
    { name: 'slow besides the failed ones, but bearably', slow: 540, failed: 500, only: true },
    { name: 'too slow even without the failed ones', slow: 2_000, failed: 500, only: false },
    { name: 'no failures at all', slow: 2_000, failed: 0, only: false }
  ]
  for (const { name, slow, failed, only } of cases) {
    const found = isFailuresOnly({ total: 1_000, bad: slow / 2 }, { total: 1_000, bad: failed / 2 }, 4, 0.95)
    t.equal(found, only, name)
  }
  t.equal(dedupKeyOf('s', 'failures', nowMs), `plimsoll/s/failures/${nowMs / 1_000}`)
})

t.test('silence of a service, or of one of its origins', async (t) => {
  const lost = { state: 'lost', reasons: [{ code: 'source_broken', text: 'the log is gone' }], freshMs: null } as const
  const alive = { state: 'alive', reasons: [], freshMs: nowMs } as const
  const series = (['requests', 'probes'] as const).map((origin) => ({
    objective: { name: `by-${origin}`, origin }
  })) as never
  const both = silenceCondition(
    's',
    [
      { origin: 'requests', standing: lost },
      { origin: 'probes', standing: lost }
    ],
    series
  )
  t.match(both, { severity: 'ticket', kind: 'no_signal', title: 's: the log is gone', objectives: [] }, 'as a whole')
  const one = silenceCondition(
    's',
    [
      { origin: 'requests', standing: lost },
      { origin: 'probes', standing: alive }
    ],
    series
  )
  t.strictSame(one?.objectives, ['by-requests'])
  t.equal(silenceCondition('s', [{ origin: 'requests', standing: alive }], series), null)
})

t.test('certificates are warned of, and page when time is short', async (t) => {
  const source = (days: number | null) => ({
    id: 'probe:0',
    origin: 'probes' as const,
    title: 'https://shop.example',
    health: 'live' as const,
    reasons: [],
    lastEventMs: nowMs,
    remembers: false,
    certificate: days === null ? null : { expiresMs: nowMs + days * dayMs, warnMs: 14 * dayMs }
  })
  const condition = (...days: (number | null)[]) => certificateCondition('s', days.map(source), nowMs)
  t.equal(condition(null, 20), null)
  t.match(condition(20, 10), { severity: 'ticket', kind: 'certificate', title: /ends in 10 d/ })
  t.match(condition(10, 1), { severity: 'page', title: /ends in 24 h/ })
  t.match(condition(-1), { severity: 'page', title: /ended 24 h ago/ })
})

t.test('cursors of pages are read back, others refused', async (t) => {
  const cursor = { openedMs: nowMs, id: 'f4f1a3a2-0c53-4d3c-9b42-1f2e3d4c5b6a' }
  t.strictSame(decodeCursor(encodeCursor(cursor)), cursor)
  for (const text of ['', '%%%', btoa('x y'), btoa('12'), btoa('1 2 3'), btoa('99999999999999999999 id')]) {
    t.equal(decodeCursor(text), null, JSON.stringify(text))
  }
})
