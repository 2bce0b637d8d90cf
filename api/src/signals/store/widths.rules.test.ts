import t from 'tap'
import { defaultRetention, retentionFor, slotsOf, tilesOf, widthFor } from './widths.rules.ts'

const nowMs = Date.UTC(2026, 10, 22, 12, 34, 56, 789)
const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

const slots = [
  { name: 'an event of now goes to every width', ageMs: 0, widths: [10_000, 60_000, 3_600_000] },
  {
    name: 'the oldest 10 seconds that still overlap their retention are kept',
    ageMs: 12 * hour,
    widths: [10_000, 60_000, 3_600_000]
  },
  {
    name: 'an event of half a day ago has no 10 seconds any more',
    ageMs: 12 * hour + 10_000,
    widths: [60_000, 3_600_000]
  },
  { name: 'an event of 35 days ago has its last minute', ageMs: 35 * day, widths: [60_000, 3_600_000] },
  { name: 'an event of last year has hours only', ageMs: 36 * day, widths: [3_600_000] },
  { name: 'what is older than all is nowhere', ageMs: 400 * day + hour, widths: [] }
]
for (const { name, ageMs, widths } of slots) {
  t.test(name, async (t) => {
    const found = slotsOf(nowMs - ageMs, nowMs, defaultRetention)
    t.same(
      found.map(([widthMs]) => widthMs),
      widths
    )
    for (const [widthMs, startMs] of found) {
      t.equal(startMs % widthMs, 0)
      t.ok(startMs <= nowMs - ageMs && nowMs - ageMs < startMs + widthMs)
    }
  })
}

t.test('the widest slices that fit the step and reach back far enough are read', async (t) => {
  const at = (ageMs: number, stepMs: number) =>
    widthFor(Math.floor((nowMs - ageMs) / stepMs) * stepMs, stepMs, nowMs, defaultRetention)
  t.equal(at(hour, 10_000), 10_000)
  t.equal(at(hour, 30_000), 10_000)
  t.equal(at(hour, minute), minute)
  t.equal(at(hour, 90_000), 10_000)
  t.equal(at(day, 90_000), null)
  t.equal(at(30 * day, hour), hour)
  t.equal(at(40 * day, minute), null)
  t.equal(at(399 * day, day), hour)
  t.equal(at(500 * day, day), null)
})

t.test('minutes are kept for the longest window and a sixth more', async (t) => {
  const settings = { RETAIN_10S_HOURS: 12, RETAIN_1M_DAYS: 35, RETAIN_1H_DAYS: 400 }
  t.same(retentionFor(0, settings), defaultRetention)
  t.same(retentionFor(30 * day, settings), defaultRetention)
  t.equal(retentionFor(90 * day, settings)[60_000], 105 * day)
  t.equal(retentionFor(400 * day, settings)[3_600_000], Math.ceil((400 * day * 7) / 6), 'hours as long as minutes')
})

t.test('a range is cut into hours, with minutes and 10 seconds at its ends', async (t) => {
  const from = Date.UTC(2026, 10, 22, 9, 58, 40)
  t.same(
    tilesOf(from, Date.UTC(2026, 10, 22, 12, 2, 15), nowMs, defaultRetention).map(({ fromMs, toMs, widthMs }) => [
      widthMs,
      (fromMs - from) / 1_000,
      (toMs - from) / 1_000
    ]),
    [
      [10_000, 0, 20],
      [60_000, 20, 80],
      [3_600_000, 80, 7_280],
      [60_000, 7_280, 7_400],
      [10_000, 7_400, 7_420]
    ]
  )
})

t.test('tiles have no gaps and never reach past what is kept', async (t) => {
  for (const [ageMs, lengthMs] of [
    [5 * minute, 3 * minute],
    [13 * hour, 12 * hour],
    [36 * day, 20 * day],
    [minute, 7_000],
    [hour, 0]
  ] as const) {
    const fromMs = nowMs - ageMs
    const tiles = tilesOf(fromMs, fromMs + lengthMs, nowMs, defaultRetention)
    for (const [at, tile] of tiles.entries()) {
      if (at > 0) t.equal(tile.fromMs, tiles[at - 1]!.toMs)
      t.equal(tile.fromMs % tile.widthMs, 0)
      t.equal(tile.toMs % tile.widthMs, 0)
      t.ok(tile.toMs > tile.fromMs)
      t.ok(tile.fromMs > nowMs - defaultRetention[tile.widthMs] - tile.widthMs)
    }
    if (lengthMs > 0) t.ok(tiles[0]!.fromMs <= fromMs && tiles.at(-1)!.toMs >= fromMs + lengthMs)
  }
})
