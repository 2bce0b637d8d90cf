import t from 'tap'
import type { Tally } from '../burn.rules.ts'
import { ExcessEvidence } from '../statistics/evidence.rules.ts'
import { tiersFor } from '../tiers.rules.ts'
import { Bank } from './bank.ts'
import { CounterGrid } from './counter-grid.ts'
import { layoutFor } from './layout.rules.ts'
import { historyTiles } from './load-plan.rules.ts'
import { TimeSlices } from './time-slices.ts'

const secondMs = 1_000
const minuteMs = 60_000
const hourMs = 3_600_000
const dayMs = 86_400_000
const startMs = Date.UTC(2026, 9, 20, 7, 13, 41)
const month = { kind: 'rolling', durationMs: 30 * dayMs } as const

const random = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) >>> 0
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}

interface Event {
  readonly column: number
  readonly startMs: number
  readonly tally: Tally
}

const bankOf = (columns: number, window: ConstructorParameters<typeof Bank>[1] = month, nowMs = startMs): Bank =>
  new Bank(layoutFor(30 * dayMs, tiersFor(30 * dayMs, 0.999)), window, columns, nowMs)

/** What a window holds by its definition: the current slot of its ring and those before it. */
const counted = (events: readonly Event[], bank: Bank, window: number, column: number, nowMs: number): Tally => {
  const { ring, slots } = bank.layout.windows[window]!
  const { widthMs } = bank.layout.rings[ring]!
  const head = Math.floor(nowMs / widthMs)
  const inside = events.filter((event) => {
    const slot = Math.floor(event.startMs / widthMs)
    return event.column === column && event.startMs <= nowMs && slot <= head && slot > head - slots
  })
  return inside.reduce((sum, { tally }) => ({ total: sum.total + tally.total, bad: sum.bad + tally.bad }), {
    total: 0,
    bad: 0
  })
}

t.test('the windows of a month lie in three rings of at most 20 kB an objective', async (t) => {
  const layout = layoutFor(30 * dayMs, tiersFor(30 * dayMs, 0.999))
  t.strictSame(
    layout.rings.map(({ widthMs, slots }) => [widthMs / secondMs, slots]),
    [
      [10, 2_160],
      [600, 432],
      [3_600, 720]
    ]
  )
  t.strictSame(
    layout.tiers.map(({ long, short }) => [layout.windows[long]!.durationMs, layout.windows[short]!.durationMs]),
    [
      [hourMs, 5 * minuteMs],
      [6 * hourMs, 30 * minuteMs],
      [dayMs, 2 * hourMs],
      [3 * dayMs, 6 * hourMs]
    ]
  )
  t.equal(layout.windows.length, 8, 'the six hours of two tiers are summed once')
  const bank = bankOf(100)
  t.ok(bank.sizeBytes / 100 <= 20_000, `${bank.sizeBytes / 100} bytes an objective`)
})

t.test('windows of other lengths have slots that fit them', async (t) => {
  for (const days of [1 / 24, 1, 7, 28, 45, 90, 365]) {
    const windowMs = days * dayMs
    const tiers = tiersFor(windowMs, 0.999)
    const layout = layoutFor(windowMs, tiers)
    const bytes = layout.rings.reduce((sum, { widthMs, slots }) => sum + slots * (widthMs < 300_000 ? 4 : 8), 0)
    t.ok(bytes <= 20_000, `${days} days: ${bytes} bytes`)
    for (const [i, { long, short }] of layout.tiers.entries()) {
      const [longer, shorter] = [layout.windows[long]!, layout.windows[short]!]
      const { widthMs } = layout.rings[longer.ring]!
      t.ok(
        Math.abs(longer.durationMs - tiers[i]!.longMs) <= widthMs / 2,
        `${days} days: long window of ${tiers[i]!.name}`
      )
      t.ok(shorter.durationMs <= longer.durationMs / 11, `${days} days: short window of ${tiers[i]!.name}`)
    }
    const budget = layout.windows[layout.budget]!
    t.ok(budget.durationMs <= windowMs && budget.durationMs > windowMs * 0.95, `${days} days: the budget's window`)
  }
})

t.test('a count that outgrows its cell stays exact, and shrinks back', async (t) => {
  for (const bits of [16, 32] as const) {
    const full = 2 ** bits - 1
    const grid = new CounterGrid(2, 3, bits)
    grid.add(1, 2, full - 1)
    grid.add(1, 2, 1)
    t.equal(grid.get(1, 2), full, `${bits} bits, just full`)
    grid.add(1, 2, 5_000_000_000)
    t.equal(grid.get(1, 2), full + 5_000_000_000, `${bits} bits, far beyond`)
    const sums = Float64Array.of(0, 0, 0, 0, full + 5_000_000_000)
    grid.subtractRow(1, sums, 2)
    t.equal(sums[4], 0, 'a row that leaves takes all of it along')
    grid.add(1, 2, -5_000_000_000 - 1)
    t.equal(grid.get(1, 2), full - 1, 'back in its cell')
    grid.add(0, 0, full + 1)
    grid.clearRow(0)
    t.equal(grid.get(0, 0), 0, 'cleared')
    grid.add(0, 0, full + 1)
    grid.clear()
    t.equal(grid.get(0, 0), 0, 'cleared with all others')
  }
})

t.test('every window holds exactly its events, whenever they come', async (t) => {
  const next = random(7)
  const bank = bankOf(3)
  const events: Event[] = []
  let nowMs = startMs
  for (let step = 0; step < 1_500; step++) {
    // mostly seconds, now and then hours or days: nights, restarts
    nowMs += next() < 0.97 ? Math.floor(next() * 20_000) : Math.floor(next() ** 3 * 5 * dayMs)
    bank.advance(nowMs)
    for (let i = 0; i < 3; i++) {
      const lateMs = next() < 0.7 ? next() * 5_000 : next() ** 4 * 40 * dayMs
      const aheadMs = next() < 0.05 ? next() * 30_000 : 0
      const total = next() < 0.02 ? 100_000 : Math.ceil(next() * 20)
      const event = {
        column: Math.floor(next() * 3),
        startMs: Math.floor((nowMs - lateMs + aheadMs) / secondMs) * secondMs,
        tally: { total, bad: Math.floor(next() * (total + 1)) }
      }
      events.push(event)
      bank.add(event.column, event.startMs, event.tally)
    }
    if (step % 100 !== 99) continue
    nowMs += 30_000
    bank.advance(nowMs)
    const all = bank.layout.windows.flatMap((_, window) =>
      [0, 1, 2].map((column) => [bank.tally(window, column), counted(events, bank, window, column, nowMs)])
    )
    t.ok(
      all.every(([found, wanted]) => found!.total === wanted!.total && found!.bad === wanted!.bad),
      `at step ${step}`
    )
  }
})

t.test('a pause longer than all rings leaves nothing behind', async (t) => {
  const bank = bankOf(1)
  bank.add(0, startMs - hourMs, { total: 10, bad: 3 })
  bank.advance(startMs + 40 * dayMs)
  t.ok(bank.layout.windows.every((_, window) => bank.tally(window, 0).total === 0))
  bank.add(0, startMs + 40 * dayMs, { total: 5, bad: 1 })
  t.strictSame(bank.tally(bank.layout.budget, 0), { total: 5, bad: 1 })
})

t.test('a calendar month counts from its first moment and begins anew, to the minute', async (t) => {
  // 20 October to 1 November 2026 in Berlin: the clocks go back on the 25th
  const berlin = { kind: 'calendar', unit: 'month', timeZone: 'Europe/Berlin' } as const
  const first = Date.parse('2026-10-01T00:00:00+02:00')
  const second = Date.parse('2026-11-01T00:00:00+01:00')
  const bank = bankOf(1, berlin)
  t.strictSame(bank.span, { fromMs: first, toMs: second })
  const { budget } = bank.layout
  bank.add(0, first - minuteMs, { total: 100, bad: 100 })
  t.equal(bank.tally(budget, 0).total, 0, 'September is over')
  bank.add(0, first, { total: 7, bad: 1 })
  bank.advance(second - 5_000)
  bank.add(0, second - 5_000, { total: 3, bad: 0 })
  bank.add(0, second, { total: 1_000, bad: 9 })
  t.strictSame(bank.tally(budget, 0), { total: 10, bad: 1 }, 'the last second of October; November waits')
  bank.advance(second + 3_000)
  t.strictSame(bank.tally(budget, 0), { total: 1_000, bad: 9 }, 'November')
  bank.add(0, second - minuteMs, { total: 50, bad: 50 })
  t.strictSame(bank.tally(budget, 0), { total: 1_000, bad: 9 }, 'late events of October are not November')
})

t.test('a column keeps its counts in a new bank', async (t) => {
  const bank = bankOf(2)
  for (let i = 0; i < 500; i++) bank.add(1, startMs - i * 3_607 * secondMs, { total: 70_000 + i, bad: i })
  bank.add(1, startMs + 20_000, { total: 5, bad: 5 })
  const other = bankOf(3)
  other.copyColumn(2, bank, 1)
  for (const present of [bank, other]) present.advance(startMs + 30_000)
  t.strictSame(
    other.layout.windows.map((_, window) => other.tally(window, 2)),
    bank.layout.windows.map((_, window) => bank.tally(window, 1))
  )
  t.strictSame(other.tally(other.layout.budget, 0), { total: 0, bad: 0 })
})

t.test('slots vote for a window, those without failures too, from a moment on if wanted', async (t) => {
  const bank = bankOf(1)
  bank.advance(startMs)
  const oneHour = bank.layout.tiers[0]!.long
  for (let i = 0; i < 100; i++) bank.add(0, startMs - i * 30_000, { total: 4, bad: i < 5 ? 2 : 0 })
  const [wanted, found, recent] = [new ExcessEvidence(0.001), new ExcessEvidence(0.001), new ExcessEvidence(0.001)]
  for (let i = 0; i < 100; i++) wanted.vote(4, i < 5 ? 2 : 0)
  bank.vote(found, oneHour, 0)
  t.ok(Math.abs(found.logE - wanted.logE) < 1e-9, `${found.logE}`)
  bank.vote(recent, oneHour, 0, startMs - 2 * 30_000)
  const three = new ExcessEvidence(0.001)
  for (let i = 0; i < 2; i++) three.vote(4, 2)
  t.ok(Math.abs(recent.logE - three.logE) < 1e-9, 'slots that begin at or after the moment')
})

t.test('counts between two moments come from the finest slots that reach back', async (t) => {
  const bank = bankOf(1, month, Date.UTC(2026, 9, 20, 12))
  const now = Date.UTC(2026, 9, 20, 12)
  bank.add(0, now - 40_000, { total: 4, bad: 1 })
  bank.add(0, now - 2 * dayMs, { total: 50, bad: 2 })
  bank.add(0, now - 20 * dayMs, { total: 600, bad: 3 })
  t.strictSame(bank.between(0, now - minuteMs, now), { total: 4, bad: 1 })
  t.strictSame(bank.between(0, now - 2 * dayMs, now - dayMs), { total: 50, bad: 2 })
  t.strictSame(bank.between(0, now - 25 * dayMs, now), { total: 654, bad: 6 })
})

t.test('slices of time are judged when they are over, and again when late events turn them', async (t) => {
  const sum = { total: 0, bad: 0 }
  const slices = new TimeSlices({
    sliceMs: minuteMs,
    sliceTargetRatio: 0.9,
    spanMs: 30 * dayMs,
    nowMs: Date.UTC(2026, 9, 20),
    emit: (_, { total, bad }) => {
      sum.total += total
      sum.bad += bad
    }
  })
  const at = Date.UTC(2026, 9, 20)
  slices.add(at + 5_000, { total: 10, bad: 1 })
  slices.advance(at + minuteMs)
  t.strictSame(sum, { total: 0, bad: 0 }, 'not before the grace is over')
  slices.advance(at + minuteMs + 2_000)
  t.strictSame(sum, { total: 1, bad: 0 }, '90 % is enough')
  slices.add(at + 20_000, { total: 1, bad: 1 })
  t.strictSame(sum, { total: 1, bad: 1 }, 'one more failure turns the minute')
  slices.add(at + 20_000, { total: 100, bad: 0 })
  t.strictSame(sum, { total: 1, bad: 0 }, 'and good ones turn it back')
  slices.advance(at + 10 * minuteMs)
  t.strictSame(sum, { total: 1, bad: 0 }, 'minutes without events are neither')
  slices.add(at - 5 * dayMs, { total: 4, bad: 4 })
  t.strictSame(sum, { total: 2, bad: 1 }, 'history counts at once')
  slices.add(at - 31 * dayMs, { total: 4, bad: 4 })
  t.strictSame(sum, { total: 2, bad: 1 }, 'what is older than the window does not')
})

t.test('history is read in stretches that touch, as wide as the slots allow', async (t) => {
  const now = Date.UTC(2026, 9, 20, 12, 34, 56)
  const need = {
    fromMs: now - 30 * dayMs,
    toMs: now + dayMs,
    minutesFromMs: now - 3 * dayMs,
    tenSecondsFromMs: now - 6 * hourMs,
    minutesKeptMs: now - 35 * dayMs,
    tenSecondsKeptMs: now - 12 * hourMs
  }
  const cases = [
    { name: 'a month', need },
    { name: 'a quarter, minutes gone', need: { ...need, fromMs: now - 90 * dayMs } },
    { name: 'slices of a minute', need: { ...need, minutesFromMs: need.fromMs } },
    {
      name: 'an hour',
      need: { ...need, fromMs: now - hourMs, minutesFromMs: now - hourMs, tenSecondsFromMs: now - hourMs }
    },
    { name: 'a store that keeps ten seconds briefly', need: { ...need, tenSecondsKeptMs: now - 2 * hourMs } }
  ]
  for (const { name, need } of cases) {
    const tiles = historyTiles(need)
    t.ok(tiles[0]!.fromMs <= Math.ceil(need.fromMs / minuteMs) * minuteMs, `${name}: begins early enough`)
    t.ok(tiles.at(-1)!.toMs >= need.toMs, `${name}: reaches the end`)
    t.ok(
      tiles.every(({ toMs }, i) => i === tiles.length - 1 || tiles[i + 1]!.fromMs === toMs),
      `${name}: no gap`
    )
    t.ok(
      tiles.every(({ fromMs, toMs, widthMs }) => fromMs % widthMs === 0 && toMs % widthMs === 0),
      `${name}: whole slots`
    )
    t.ok(
      tiles.every(({ widthMs, fromMs }) => widthMs !== 60_000 || fromMs >= need.minutesKeptMs - minuteMs),
      `${name}: minutes only where they are kept`
    )
  }
  const rows = historyTiles(need).reduce((sum, { fromMs, toMs, widthMs }) => sum + (toMs - fromMs) / widthMs, 0)
  t.ok(rows < 17_000, `${rows} rows a stream, a day of empty future among them`)
})
