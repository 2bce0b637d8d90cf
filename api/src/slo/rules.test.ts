import { readFileSync } from 'node:fs'
import t from 'tap'
import type { ResolvedObjective } from '../plan/objective.ts'
import { budgetOf } from './budget.rules.ts'
import { burnInterval, burnRate, burnsSurely } from './burn.rules.ts'
import { cover, coverageRatio, coveredMs, since, spokenFor } from './coverage.rules.ts'
import { forecastExhaustion } from './forecast.rules.ts'
import { RunningSums, pointOf, revisionAt } from './history.rules.ts'
import { judge, standingOf, stateOf, type JudgeInput } from './judge.rules.ts'
import { detectableOutage } from './low-traffic.rules.ts'
import { bandsWithin, mutedBy } from './maintenance.rules.ts'
import { outcomeText } from './nouns.rules.ts'
import { pulseBetween } from './pulse.rules.ts'
import { judgeSlice, selects, sliceVerdict } from './selection.rules.ts'
import { isUnusualSilence, noSignalDelayMs, usualEvents } from './silence.rules.ts'
import { sourceStanding, type SourcesAtMoment, type SourceView } from './sources.rules.ts'
import { worstOf } from './states.rules.ts'
import { budgetSpentAtFiring, tierRemarks, tiersFor } from './tiers.rules.ts'
import { labelOf, nominalMs, spanAt } from './window.rules.ts'
import { aboutDuration, counted, percentText, whenText, windowName } from './words.rules.ts'

const secondMs = 1_000
const minuteMs = 60_000
const hourMs = 3_600_000
const dayMs = 86_400_000
const nowMs = Date.UTC(2026, 10, 19, 9, 30) // a Thursday

const anObjective = (change: Partial<ResolvedObjective> = {}): ResolvedObjective => ({
  service: 'shop-api',
  name: 'availability',
  title: '99.9 % available',
  description: null,
  indicator: 'availability',
  origin: 'requests',
  classes: ['user'],
  path: null,
  thresholdMs: null,
  targetRatio: 0.999,
  budgeting: { kind: 'requests' },
  window: { kind: 'rolling', durationMs: 30 * dayMs },
  ...change
})

t.test('budgets are those of the reference', async (t) => {
  const { budget } = JSON.parse(
    readFileSync(new URL('../../test/vectors/statistics.json', import.meta.url), 'utf8')
  ) as { budget: Record<string, number>[] }
  for (const wanted of budget) {
    const target = wanted['objective']!
    if (wanted['n'] === undefined) {
      const allowed = 1 - target
      t.ok(Math.abs(allowed - wanted['budgetFraction']!) < 1e-9)
      const minutes = (allowed * wanted['windowDays']! * dayMs) / minuteMs
      t.ok(Math.abs(minutes - wanted['badMinutesIfTotalOutage']!) < 1e-6, `${target}: minutes of total outage`)
      t.ok(Math.abs(burnRate({ total: 1, bad: 1 }, target)! - wanted['maxBurn']!) < 1e-6, `${target}: highest burn`)
      t.ok(Math.abs(14.4 * allowed - wanted['pageBurn14.4NeedsBadFraction']!) < 1e-9)
    } else {
      const found = budgetOf({ total: wanted['n'], bad: wanted['bad']! }, target)
      t.ok(Math.abs(found.allowed - wanted['budgetTotal']!) < 1e-6, 'allowed')
      t.ok(Math.abs(found.remainingRatio! - wanted['remaining']!) < 1e-9, 'left')
    }
  }
  t.equal(budgetOf({ total: 0, bad: 0 }, 0.999).remainingRatio, null, 'of nothing, nothing is left or spent')
  t.equal(budgetOf({ total: 1_000, bad: 4 }, 0.999).remainingRatio?.toFixed(6), '-3.000000', 'overspent is negative')
})

t.test('burn rates', async (t) => {
  const cases = [
    { name: 'errors at exactly the promised rate burn at 1', bad: 1, total: 1_000, target: 0.999, expected: 1 },
    { name: 'no failures burn nothing', bad: 0, total: 10, target: 0.999, expected: 0 },
    { name: 'an outage burns at 1 / budget', bad: 50, total: 50, target: 0.99, expected: 100 }
  ]
  for (const { name, bad, total, target, expected } of cases) {
    t.ok(Math.abs(burnRate({ total, bad }, target)! - expected) < 1e-9, name)
  }
  t.equal(burnRate({ total: 0, bad: 0 }, 0.999), null, 'an idle interval has no burn, which is not a burn of 0')
  const [low, high] = burnInterval({ total: 10_000, bad: 30 }, 0.999, 0.05)!
  t.ok(low > 2 && low < 3 && high > 3 && high < 4.5, 'the interval holds the rate')
  t.equal(burnInterval({ total: 10, bad: 10 }, 0.99, 0.05)![1], 100, 'no burn is above 1 / budget')
  t.equal(burnsSurely({ total: 60, bad: 1 }, 1, 0.999, 0.025), false, 'one failure of 60 may be bad luck')
  t.equal(burnsSurely({ total: 60, bad: 4 }, 1, 0.999, 0.025), true, 'four are not')
})

t.test('alert tiers follow window and target', async (t) => {
  const shape = (days: number, target: number) =>
    tiersFor(days * dayMs, target).map(({ name, factor, longMs, shortMs }) => [
      name,
      factor,
      longMs / minuteMs,
      shortMs / minuteMs
    ])
  const classic = [
    ['page-fast', 14.4, 60, 5],
    ['page-slow', 6, 360, 30],
    ['ticket-fast', 3, 1_440, 120],
    ['ticket-slow', 1, 4_320, 360]
  ]
  for (const days of [27, 28, 30, 31, 35])
    t.strictSame(shape(days, 0.999), classic, `${days} days take the classic ones`)
  t.strictSame(
    shape(7, 0.999).map(([, , long]) => long),
    [14, 84, 336, 1_008],
    'a week has shorter windows'
  )
  t.strictSame(
    shape(90, 0.999).map(([, , long]) => long),
    [180, 1_080, 4_320, 12_960],
    'a quarter has longer ones'
  )
  t.strictSame(
    tiersFor(30 * dayMs, 0.95).map(({ factor }) => factor),
    [10, 4, 2, 1],
    'a factor above half the highest burn would want most requests to fail: 95 % takes 10/4/2/1'
  )
  t.strictSame(
    tiersFor(30 * dayMs, 0.9).map(({ factor }) => factor),
    [5, 2, 1, 1]
  )
  t.strictSame(tiersFor(30 * dayMs, 0.5), [], 'a promise of half has no burn worth an alert')
  t.strictSame(
    shape(1, 0.999).map(([name, factor, long]) => [name, factor, long]),
    [
      ['page-slow', 6, 12],
      ['ticket-fast', 3, 48],
      ['ticket-slow', 1, 144]
    ],
    'a day: windows that fall together keep the more watchful tier'
  )
  for (const minutes of [5, 30, 60, 24 * 60, 3 * 24 * 60]) {
    for (const tier of tiersFor(minutes * minuteMs, 0.999)) {
      t.ok(tier.longMs <= minutes * minuteMs && tier.longMs === 12 * tier.shortMs, `${minutes} min: ${tier.name}`)
    }
  }
  t.equal(budgetSpentAtFiring(tiersFor(30 * dayMs, 0.999)[0]!, 30 * dayMs).toFixed(4), '0.0200')
  t.strictSame(tierRemarks(30 * dayMs, 0.999), [])
  t.match(tierRemarks(30 * dayMs, 0.95)[0], /72 % .*10\/4\/2\/1/)
  t.match(tierRemarks(7 * dayMs, 0.999)[0], /14 min/)
  t.match(tierRemarks(30 * dayMs, 0.4)[0], /no burn-rate alert/)
})

t.test('windows of the calendar follow its clocks', async (t) => {
  const cases = [
    {
      unit: 'month',
      zone: 'Europe/Berlin',
      at: '2026-10-25T12:00+01:00',
      from: '2026-10-01T00:00+02:00',
      to: '2026-11-01T00:00+01:00',
      label: '2026-10',
      hours: 745
    },
    {
      unit: 'month',
      zone: 'Europe/Berlin',
      at: '2026-03-31T23:59:59+02:00',
      from: '2026-03-01T00:00+01:00',
      to: '2026-04-01T00:00+02:00',
      label: '2026-03',
      hours: 743
    },
    {
      unit: 'month',
      zone: 'Europe/Berlin',
      at: '2026-04-01T00:00+02:00',
      from: '2026-04-01T00:00+02:00',
      to: '2026-05-01T00:00+02:00',
      label: '2026-04',
      hours: 720
    },
    {
      unit: 'month',
      zone: 'Asia/Kolkata',
      at: '2026-11-19T09:30Z',
      from: '2026-11-01T00:00+05:30',
      to: '2026-12-01T00:00+05:30',
      label: '2026-11',
      hours: 720
    },
    {
      unit: 'quarter',
      zone: 'America/New_York',
      at: '2026-12-31T23:59-05:00',
      from: '2026-10-01T00:00-04:00',
      to: '2027-01-01T00:00-05:00',
      label: '2026-Q4',
      hours: 2_209
    },
    {
      unit: 'week',
      zone: 'Europe/London',
      at: '2026-10-25T23:00Z',
      from: '2026-10-19T00:00+01:00',
      to: '2026-10-26T00:00Z',
      label: '2026-W43',
      hours: 169
    },
    {
      unit: 'week',
      zone: 'UTC',
      at: '2027-01-01T00:00Z',
      from: '2026-12-28T00:00Z',
      to: '2027-01-04T00:00Z',
      label: '2026-W53',
      hours: 168
    },
    {
      unit: 'month',
      zone: 'America/Sao_Paulo',
      at: '2018-11-04T12:00-02:00',
      from: '2018-11-01T00:00-03:00',
      to: '2018-12-01T00:00-02:00',
      label: '2018-11',
      hours: 719
    }
  ] as const
  for (const { unit, zone, at, from, to, label, hours } of cases) {
    const window = { kind: 'calendar', unit, timeZone: zone } as const
    const span = spanAt(window, Date.parse(at))
    t.strictSame([span.fromMs, span.toMs], [Date.parse(from), Date.parse(to)], `${label} in ${zone}`)
    t.equal((span.toMs - span.fromMs) / hourMs, hours, `${hours} hours`)
    t.equal(labelOf(window, span), label)
  }
  // São Paulo skipped midnight on 4 November 2018: a week of Sundays would begin at 01:00; Mondays are untouched
  const skipped = spanAt(
    { kind: 'calendar', unit: 'week', timeZone: 'Africa/Cairo' },
    Date.parse('2023-04-28T12:00+03:00')
  )
  t.equal(skipped.fromMs, Date.parse('2023-04-24T00:00+02:00'))
  t.throws(() => spanAt({ kind: 'calendar', unit: 'week', timeZone: 'Mars/Olympus' }, nowMs), RangeError)
  const rolling = { kind: 'rolling', durationMs: 30 * dayMs } as const
  t.strictSame(spanAt(rolling, nowMs), { fromMs: nowMs - 30 * dayMs, toMs: nowMs })
  t.equal(nominalMs({ kind: 'calendar', unit: 'month', timeZone: 'UTC' }), 30 * dayMs, 'February and March burn alike')
})

t.test('words', async (t) => {
  t.strictSame([30 * dayMs, hourMs, 5 * minuteMs, 90 * secondMs, 250].map(windowName), [
    '30d',
    '1h',
    '5m',
    '90s',
    '250ms'
  ])
  t.strictSame([240 * secondMs, 46_900 * secondMs, 90 * minuteMs, 3 * dayMs, 10 * secondMs].map(aboutDuration), [
    '4 min',
    '13 h',
    '90 min',
    '3 d',
    '10 s'
  ])
  t.strictSame([0.001, 0.9995, 0.5, 0.05, 0.0199425831, 1, 0, 0.000723].map(percentText), [
    '0.1 %',
    '99.95 %',
    '50 %',
    '5 %',
    '2 %',
    '100 %',
    '0 %',
    '0.072 %'
  ])
  t.equal(counted(1, 'failure'), '1 failure')
  t.equal(counted(1_234, 'failure'), '1,234 failures')
  t.equal(whenText(nowMs + 4.5 * hourMs, nowMs, 'UTC'), 'Thursday 14:00 UTC')
  t.equal(whenText(nowMs + 4.5 * hourMs, nowMs, 'Europe/Berlin'), 'Thursday 15:00')
  t.equal(whenText(nowMs + 20 * dayMs, nowMs, 'UTC'), '9 December 09:30 UTC')
  t.equal(whenText(nowMs + 400 * dayMs, nowMs, 'UTC'), '24 December 2027')
})

t.test('the budget’s end is forecast from the shortest window that tells', async (t) => {
  const forecast = (change: Partial<Parameters<typeof forecastExhaustion>[0]> = {}) =>
    forecastExhaustion({
      nowMs,
      targetRatio: 0.999,
      remainingRatio: 0.5,
      windowMs: 30 * dayMs,
      renewsAtMs: null,
      paces: [
        { durationMs: hourMs, tally: { total: 3_600, bad: 0 } },
        { durationMs: 6 * hourMs, tally: { total: 21_600, bad: 0 } }
      ],
      timeZone: 'UTC',
      ...change
    })
  const burning = { durationMs: hourMs, tally: { total: 36_000, bad: 2_880 } } // burn 80
  const gone = forecast({ paces: [burning] })
  t.equal(gone.exhaustedAtMs, nowMs + (0.5 * 30 * dayMs) / 80, 'half of 30 days at 80 times the pace: 4.5 hours')
  t.match(gone.text, /gone Thursday 14:00 UTC, in 4\.5 h/)
  t.ok(gone.intervalMs![0] < gone.exhaustedAtMs! && gone.intervalMs![1]! > gone.exhaustedAtMs!, 'with its interval')
  t.match(forecast().text, /lasts/)
  t.match(forecast({ remainingRatio: -0.2 }).text, /spent/)
  t.match(forecast({ remainingRatio: null }).text, /nothing was measured/)
  t.match(forecast({ paces: [{ durationMs: hourMs, tally: { total: 0, bad: 0 } }] }).text, /nothing happened lately/)
  const thin = forecast({ paces: [{ durationMs: hourMs, tally: { total: 60, bad: 1 } }] })
  t.equal(thin.exhaustedAtMs, null, 'one failure of 60 is no pace')
  t.match(thin.text, /too few/)
  const later = forecast({ renewsAtMs: nowMs + 2 * hourMs, paces: [burning] })
  t.equal(later.exhaustedAtMs, null, 'a month that ends before the budget does')
  t.match(later.text, /28 % of the budget is left when the window renews Thursday 11:30 UTC/)
})

t.test('a promise is judged by what was counted, and only when enough was', async (t) => {
  const cases = [
    { name: 'nothing', total: 0, bad: 0, target: 0.999, standing: 'unmeasured' },
    { name: 'a few clean requests', total: 180, bad: 0, target: 0.999, standing: 'thin' },
    { name: 'one clean request short of enough', total: 4_890, bad: 0, target: 0.999, standing: 'thin' },
    { name: 'just enough clean requests', total: 4_891, bad: 0, target: 0.999, standing: 'kept' },
    { name: 'one failure of twenty may be bad luck', total: 20, bad: 1, target: 0.999, standing: 'thin' },
    { name: 'three of twenty are not', total: 20, bad: 3, target: 0.999, standing: 'broken' },
    { name: 'the last allowed failure', total: 100_000, bad: 100, target: 0.999, standing: 'kept' },
    { name: 'one more than allowed', total: 100_000, bad: 101, target: 0.999, standing: 'broken' },
    { name: 'a latency promise needs few requests', total: 96, bad: 4, target: 0.95, standing: 'kept' }
  ] as const
  for (const { name, total, bad, target, standing } of cases)
    t.equal(standingOf({ total, bad }, target), standing, name)
})

const someFacts = (change: Partial<JudgeInput> = {}): JudgeInput => ({
  objective: anObjective(),
  tally: { total: 100_000, bad: 20 },
  window: '30d',
  perMinute: 60,
  knownRatio: 1,
  source: { state: 'alive', reasons: [], freshMs: nowMs - secondMs },
  alert: null,
  forecast: () => ({ exhaustedAtMs: null, intervalMs: null, text: 'the budget lasts' }),
  lowTraffic: null,
  nowMs,
  ...change
})

t.test('the five states, each with its reason first', async (t) => {
  const lostReason = { code: 'source_broken', text: 'the log is gone' }
  const lost = { state: 'lost', reasons: [lostReason], freshMs: null } as const
  const cases = [
    { name: 'a promise kept', facts: {}, state: 'pass', code: 'budget_left' },
    {
      name: 'a promise broken',
      facts: { tally: { total: 100_000, bad: 120 } },
      state: 'fail',
      code: 'budget_overspent'
    },
    {
      name: 'a promise broken stays broken while nobody can see',
      facts: { tally: { total: 100_000, bad: 120 }, source: lost },
      state: 'fail',
      code: 'budget_overspent'
    },
    {
      name: 'too few requests',
      facts: { tally: { total: 180, bad: 0 } },
      state: 'not_enough_evidence',
      code: 'too_few_events'
    },
    {
      name: 'no requests',
      facts: { tally: { total: 0, bad: 0 } },
      state: 'could_not_measure',
      code: 'nothing_measured'
    },
    {
      name: 'no source',
      facts: { tally: { total: 0, bad: 0 }, source: { state: 'absent', reasons: [], freshMs: null } },
      state: 'could_not_measure',
      code: 'no_source'
    },
    { name: 'a source lost', facts: { source: lost }, state: 'could_not_measure', code: 'budget_left' },
    {
      name: 'an alert open',
      facts: { alert: { severity: 'ticket', title: 'burning' } },
      state: 'warn',
      code: 'alert_open'
    },
    { name: 'little budget left', facts: { tally: { total: 100_000, bad: 95 } }, state: 'warn', code: 'budget_low' },
    { name: 'blind for a fifth of the time', facts: { knownRatio: 0.8 }, state: 'warn', code: 'coverage_low' },
    {
      name: 'gone tomorrow',
      facts: { forecast: () => ({ exhaustedAtMs: nowMs + dayMs, intervalMs: null, text: 'gone tomorrow' }) },
      state: 'warn',
      code: 'exhaustion_ahead'
    },
    {
      name: 'gone in three weeks is far',
      facts: { forecast: () => ({ exhaustedAtMs: nowMs + 21 * dayMs, intervalMs: null, text: 'gone in December' }) },
      state: 'pass',
      code: 'budget_left'
    }
  ] as const
  for (const { name, facts, state, code } of cases) {
    const input = someFacts(facts)
    const judged = judge(input)
    t.equal(judged.state, state, name)
    t.equal(stateOf(input), state, `${name}: the quick way agrees`)
    t.equal(judged.reasons[0]?.code, code, `${name}: first reason`)
  }
  t.ok(judge(someFacts({ source: lost })).reasons.includes(lostReason), 'the source says why')
})

t.test('reasons say what to do next, in numbers', async (t) => {
  const thin = judge(someFacts({ tally: { total: 180, bad: 0 }, perMinute: 6 })).reasons[0]!
  t.equal(thin.text, '0 of 180 requests failed, which proves fewer than 2 %; the promise is 0.1 %')
  t.equal(thin.next, "4,711 requests more, about 13 h at today's traffic")
  t.match(judge(someFacts({ tally: { total: 180, bad: 0 }, perMinute: null })).reasons[0]!.next, /requests more$/)
  const left = judge(someFacts()).reasons[0]!
  t.equal(left.text, '20 of 100,000 requests failed; the promise allows 100: 80 % of the budget is left')
  t.match(left, { limit: /0\.001/, value: 0.0002, samples: 100_000, window: '30d', source: 'requests of class user' })
  t.ok(left.interval![0] < 0.0002 && left.interval![1] > 0.0002, 'with an interval')
  t.equal(left.freshAt, '2026-11-19T09:29:59.000Z')
  const low = judge(
    someFacts({ lowTraffic: { perMinute: 1, outage: { failures: 4, durationMs: 4 * minuteMs } } })
  ).reasons
  const reason = low.find(({ code }) => code === 'low_traffic')!
  t.equal(reason.text, '1 requests a minute; detectable outage: 4 failures, about 4 min at this traffic')
  t.match(reason.next, /probe/)
  t.equal(outcomeText(anObjective({ indicator: 'latency' }), { total: 20, bad: 3 }), '3 of 20 requests were slow')
  t.equal(outcomeText(anObjective({ origin: 'probes' }), { total: 20, bad: 1 }), '1 of 20 probes failed')
  const sliced = anObjective({ budgeting: { kind: 'timeSlices', sliceMs: minuteMs, sliceTargetRatio: 0.95 } })
  t.equal(outcomeText(sliced, { total: 20, bad: 1 }), '1 of 20 slices of 1m were bad')
})

t.test('the smallest outage that low traffic shows', async (t) => {
  const [fastest] = tiersFor(30 * dayMs, 0.999)
  t.strictSame(detectableOutage(1, 0.001, fastest!), { failures: 4, durationMs: 4 * minuteMs })
  t.equal(detectableOutage(0.02, 0.001, fastest!), null, 'one request an hour shows none')
})

t.test('how long a promise bears not to know', async (t) => {
  const delay = (targetRatio: number, days: number) =>
    noSignalDelayMs({ targetRatio, window: { kind: 'rolling', durationMs: days * dayMs } }) / minuteMs
  t.equal(delay(0.999, 30).toFixed(2), '4.32', 'a tenth of the 43.2 minutes that 99.9 % bears')
  t.equal(delay(0.9999, 30), 2, 'never less than two minutes')
  t.equal(delay(0.9, 90), 360, 'never more than six hours')
})

t.test('silence is unusual when the same hours of other days were not silent', async (t) => {
  const perHour = (rate: (hour: number) => number) => (fromMs: number, toMs: number) => {
    let total = 0
    for (let at = fromMs; at < toMs; at += hourMs) total += rate(new Date(at).getUTCHours())
    return { total, bad: 0 }
  }
  const silence = { fromMs: nowMs - 30 * minuteMs, toMs: nowMs, knownSinceMs: nowMs - 30 * dayMs }
  t.equal(
    usualEvents(
      perHour(() => 60),
      silence
    ),
    30,
    'half an hour of sixty an hour'
  )
  t.equal(isUnusualSilence(30), true)
  t.equal(
    isUnusualSilence(
      usualEvents(
        perHour((hour) => (hour > 12 ? 600 : 0)),
        silence
      )
    ),
    false,
    'mornings are always quiet'
  )
  t.equal(
    isUnusualSilence(
      usualEvents(
        perHour(() => 20),
        silence
      )
    ),
    false,
    'ten events may stay away by chance'
  )
  t.equal(
    usualEvents(
      perHour(() => 60),
      { ...silence, knownSinceMs: nowMs - 6 * dayMs }
    ),
    null,
    'six days do not show a week'
  )
  t.equal(isUnusualSilence(null), false)
})

t.test('sources: alive, lost, absent', async (t) => {
  const source = (change: Partial<SourceView> = {}): SourceView => ({
    id: 'caddyLog:0',
    origin: 'requests',
    title: '/var/log/access.ndjson',
    health: 'live',
    reasons: [],
    lastEventMs: nowMs - minuteMs,
    remembers: true,
    certificate: null,
    ...change
  })
  const at = (change: Partial<SourcesAtMoment> = {}): SourcesAtMoment => ({
    sources: [source()],
    brokenSinceMs: new Map(),
    delayMs: 4 * minuteMs,
    newestMs: nowMs - minuteMs,
    unusual: null,
    nowMs,
    ...change
  })
  const brokenFor = (ms: number) => ({
    sources: [
      source(),
      source({ id: 'caddyLog:1', health: 'broken', reasons: [{ code: 'x', text: 'permission denied' }] })
    ],
    brokenSinceMs: new Map([['caddyLog:1', nowMs - ms]])
  })
  t.equal(sourceStanding(at()).state, 'alive')
  t.equal(sourceStanding(at({ sources: [] })).state, 'absent')
  t.equal(sourceStanding(at({ sources: [source({ health: 'idle' })] })).state, 'alive', 'idle is no fault')
  const soon = sourceStanding(at(brokenFor(minuteMs)))
  t.equal(soon.state, 'alive', 'a minute is borne')
  t.match(soon.reasons[0]?.text, /permission denied/, 'but said')
  const lost = sourceStanding(at(brokenFor(5 * minuteMs)))
  t.equal(lost.state, 'lost', 'one broken source of two hides failures')
  t.match(lost.reasons[0], { code: 'source_broken', limit: 240, value: 300, unit: 's', source: 'caddyLog:1' })
  const waiting = source({
    health: 'waiting',
    lastEventMs: null,
    reasons: [{ code: 'not_there', text: 'no such file yet' }]
  })
  const patient = sourceStanding(at({ sources: [waiting], brokenSinceMs: new Map([['caddyLog:0', 0]]) }))
  t.equal(patient.state, 'alive', 'what never was there is waited for')
  t.equal(patient.reasons[0]?.code, 'not_there')
  const silent = sourceStanding(at({ unusual: { expected: 500, silentMs: 10 * minuteMs } }))
  t.equal(silent.state, 'lost')
  t.match(silent.reasons[0]?.text, /nothing for 10 min, while .* at least 500 events came/)
  t.equal(sourceStanding(at({ unusual: { expected: 500, silentMs: minuteMs } })).state, 'alive', 'not before the delay')
})

t.test('coverage: stretches join, gaps stay', async (t) => {
  let known = cover([], { fromMs: 100, toMs: 200 })
  known = cover(known, { fromMs: 400, toMs: 500 })
  t.strictSame(known.length, 2)
  t.equal(coveredMs(known, 150, 450), 100)
  t.equal(coverageRatio(known, 100, 500), 0.5)
  t.equal(coverageRatio(known, 100, 100), null)
  t.strictSame(cover(known, { fromMs: 200, toMs: 250 }), [
    { fromMs: 100, toMs: 250 },
    { fromMs: 400, toMs: 500 }
  ])
  t.strictSame(cover(known, { fromMs: 150, toMs: 450 }), [{ fromMs: 100, toMs: 500 }], 'what overlaps is one')
  t.strictSame(
    cover(known, { fromMs: 600, toMs: 700 }, 100),
    [
      { fromMs: 100, toMs: 200 },
      { fromMs: 400, toMs: 700 }
    ],
    'a gap that was bridged is closed'
  )
  t.strictSame(cover(known, { fromMs: 0, toMs: 50 })[0], { fromMs: 0, toMs: 50 }, 'history comes in front')
  t.strictSame(cover(known, { fromMs: 300, toMs: 300 }), known, 'no time, no coverage')
  t.strictSame(since(known, 250), [{ fromMs: 400, toMs: 500 }])
  t.strictSame(
    spokenFor([0, 120_000, 60_000, 60_000, 10 * hourMs], minuteMs, hourMs),
    [
      { fromMs: 0, toMs: 180_000 },
      { fromMs: 10 * hourMs, toMs: 10 * hourMs + minuteMs }
    ],
    'a log speaks for the time between its lines, not for a night without any'
  )
})

t.test('the pulse of the clock', async (t) => {
  const beat = (wallMs: number, monotonicMs: number) => ({ wallMs, monotonicMs })
  t.equal(pulseBetween(beat(0, 0), beat(5_000, 5_000), 5_000), 'steady')
  t.equal(pulseBetween(beat(0, 0), beat(9_000, 8_900), 5_000), 'steady', 'a starved moment')
  t.equal(pulseBetween(beat(0, 0), beat(3_600_000, 3_600_000), 5_000), 'late', 'the process was stopped')
  t.equal(
    pulseBetween(beat(0, 0), beat(3_600_000, 5_000), 5_000),
    'stepped',
    'the clock was set forward, or the machine slept'
  )
  t.equal(pulseBetween(beat(3_600_000, 0), beat(0, 5_000), 5_000), 'stepped', 'the clock was set back')
})

t.test('an objective counts the streams it names', async (t) => {
  const stream = {
    service: 'shop-api',
    release: 'v1',
    trafficClass: 'user',
    route: '/api/items/*',
    scope: '/api/* /api/checkout/*',
    origin: 'requests'
  } as const
  t.equal(selects(anObjective(), stream), true)
  t.equal(selects(anObjective({ service: 'other' }), stream), false)
  t.equal(selects(anObjective({ origin: 'probes' }), stream), false)
  t.equal(selects(anObjective({ classes: ['load'] }), stream), false)
  t.equal(selects(anObjective({ path: '/api/checkout/*' }), stream), true)
  t.equal(selects(anObjective({ path: '/api/check' }), stream), false, 'a pattern is a whole word')
})

t.test('what a slice is to an objective', async (t) => {
  const slice = {
    total: 100,
    status5xx: 3,
    slowerThan: () => 8 as number | null,
    estimateSlower: () => 6.4 as number | null
  }
  t.match(judgeSlice(anObjective(), slice), { total: 100, bad: 3, estimated: 0 })
  const latency = anObjective({ indicator: 'latency', thresholdMs: 200, targetRatio: 0.95 })
  t.match(judgeSlice(latency, slice), { total: 100, bad: 8, estimated: 0 }, 'the exact counter')
  const older = { ...slice, slowerThan: () => null }
  t.match(
    judgeSlice(latency, older),
    { total: 100, bad: 9, estimated: 100 },
    'without one the histogram, failures as slow'
  )
  t.match(
    judgeSlice(latency, { ...older, estimateSlower: () => null }),
    { total: 0, bad: 0 },
    'without either it says nothing'
  )
  t.strictSame(sliceVerdict({ total: 20, bad: 1 }, 0.95), { total: 1, bad: 0 })
  t.strictSame(sliceVerdict({ total: 20, bad: 2 }, 0.95), { total: 1, bad: 1 })
  t.strictSame(sliceVerdict({ total: 0, bad: 0 }, 0.95), { total: 0, bad: 0 })
})

t.test('maintenance is cut to the window and counts once', async (t) => {
  const band = (from: number, to: number, service: string | null = 'shop-api', reason = 'upgrade') => ({
    service,
    fromMs: nowMs + from * hourMs,
    toMs: nowMs + to * hourMs,
    reason
  })
  const bands = [band(-3, -1), band(-2, 1, null, 'network'), band(-5, -4, 'other')]
  const within = bandsWithin(bands, 'shop-api', { fromMs: nowMs - 2.5 * hourMs, toMs: nowMs })
  t.strictSame(
    within.map(({ fromMs, toMs, reason }) => [(fromMs - nowMs) / hourMs, (toMs - nowMs) / hourMs, reason]),
    [
      [-2.5, -1, 'upgrade'],
      [-1, 0, 'network']
    ]
  )
  t.equal(mutedBy(bands, 'shop-api', nowMs), 'maintenance until 2026-11-19T10:30:00.000Z: network')
  t.equal(mutedBy(bands, 'other', nowMs - 4.5 * hourMs), 'maintenance until 2026-11-19T05:30:00.000Z: upgrade')
  t.equal(mutedBy(bands, 'shop-api', nowMs + hourMs), null, 'its end is not in it')
})

t.test('history looks back from each of its points', async (t) => {
  const sums = new RunningSums()
  for (let hour = 1; hour <= 48; hour++) sums.add(hour * hourMs, { total: 1_000, bad: hour === 24 ? 10 : 0 })
  t.strictSame(sums.between(0, 48 * hourMs), { total: 48_000, bad: 10 })
  t.strictSame(sums.between(23 * hourMs, 24 * hourMs), { total: 1_000, bad: 10 })
  t.strictSame(sums.between(50 * hourMs, 60 * hourMs), { total: 0, bad: 0 })
  const day = { window: { kind: 'rolling', durationMs: 24 * hourMs }, targetRatio: 0.999 } as const
  const at = (hour: number) => pointOf(sums, { fromMs: (hour - 1) * hourMs, toMs: hour * hourMs }, day)
  t.equal(at(12).remainingRatio, 1)
  t.ok(Math.abs(at(24).remainingRatio! - (1 - 10 / 24)) < 1e-9)
  t.ok(Math.abs(at(24).burnRate! - 10) < 1e-9)
  t.equal(at(48).remainingRatio, 1, 'after a day the failures have left the window')
  t.match(at(60), { total: 0, burnRate: null })
  const revisions = [{ fromMs: 10 }, { fromMs: 20 }]
  t.equal(revisionAt(revisions, 15), revisions[0])
  t.equal(revisionAt(revisions, 20), revisions[1])
  t.equal(revisionAt(revisions, 5), revisions[0], 'what came before the first is judged by it')
})

t.test('a whole is as good as its worst part', async (t) => {
  t.equal(worstOf(['pass', 'not_enough_evidence', 'warn']), 'warn')
  t.equal(worstOf(['pass', 'could_not_measure']), 'could_not_measure')
  t.equal(worstOf(['warn', 'fail', 'pass']), 'fail')
  t.equal(worstOf([]), 'could_not_measure')
})
