import t from 'tap'
import { rangeOf } from './range.rules.ts'
import { defaultRetention } from './store/widths.rules.ts'

const nowMs = Date.UTC(2026, 10, 22, 12, 34, 56, 789)
const at = { nowMs, retention: defaultRetention }
const ago = (ms: number): string => new Date(nowMs - ms).toISOString()
const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

const right = [
  { name: 'nothing said means the last hour in 10 seconds', wish: {}, stepMs: 10_000, points: 361 },
  { name: 'six hours come in minutes', wish: { from: ago(6 * hour) }, stepMs: minute, points: 361 },
  { name: 'a day is not kept in less than minutes', wish: { from: ago(day) }, stepMs: 5 * minute, points: 289 },
  { name: 'a month comes in hours', wish: { from: ago(30 * day) }, stepMs: 2 * hour, points: 361 },
  { name: 'a year comes in half days or more', wish: { from: ago(365 * day) }, stepMs: day, points: 366 },
  { name: 'a wished step is kept', wish: { from: ago(2 * day), step: '1m' }, stepMs: minute, points: 2_881 },
  { name: 'a month in minutes is allowed', wish: { from: ago(30 * day), step: '1m' }, stepMs: minute, points: 43_201 }
]

for (const { name, wish, stepMs, points } of right) {
  t.test(name, async (t) => {
    const range = rangeOf(wish, at)
    if ('fault' in range) return t.fail(range.fault)
    t.equal(range.stepMs, stepMs)
    t.equal((range.toMs - range.fromMs) / range.stepMs, points)
    t.equal(range.fromMs % range.stepMs, 0)
    t.equal(range.toMs % range.stepMs, 0)
    t.ok(range.toMs >= nowMs && range.toMs - nowMs < range.stepMs)
  })
}

const wrong = [
  { name: 'an end before its start', wish: { from: ago(0), to: ago(hour) }, fault: /not before/, hint: /last hour/ },
  {
    name: 'more points than anybody draws',
    wish: { from: ago(40 * day), step: '1m' },
    fault: /points, more than 50000/,
    hint: /steps of 2h/
  },
  { name: 'a step finer than what is stored', wish: { step: '1s' }, fault: /steps of 1s/, hint: /multiple of 10s/ },
  {
    name: '10 seconds of yesterday',
    wish: { from: ago(day), step: '10s' },
    fault: /steps of 10s/,
    hint: /multiple of 1m/
  },
  {
    name: 'minutes of last year',
    wish: { from: ago(50 * day), to: ago(49 * day), step: '90m' },
    fault: /steps of 90m/,
    hint: /multiple of 1h/
  },
  { name: 'what is long gone', wish: { from: ago(500 * day) }, fault: /kept that long/, hint: /400 days/ }
]

for (const { name, wish, fault, hint } of wrong) {
  t.test(`${name} is refused with what would have worked`, async (t) => {
    t.match(rangeOf(wish, at), { fault, hint })
  })
}
