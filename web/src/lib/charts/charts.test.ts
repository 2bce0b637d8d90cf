import t from 'tap'
import {
  axisOf,
  clipped,
  highest,
  painted,
  percentOf,
  perSecond,
  shareOf,
  shares,
  slotAt,
  slotStart,
  timeAt
} from './axis.ts'
import { DRAUGHT_MARKS, heightOf, hullDrawing, LOAD_LINE, waterOf } from './hull.ts'
import { keyMove } from './keys.ts'
import { limitScale } from './limit.ts'
import { linePath, nearest, thinned } from './plot.ts'
import { linearScale, logShare, logTicks } from './scale.ts'
import { bars, stepArea, topOf } from './spark.ts'
import { timeTicks } from './time-ticks.ts'

const HOUR = 3_600_000
const axis = axisOf({ fromAt: '1970-01-01T00:00:10.000Z', stepMs: 10_000 }, 3)
const span = { fromMs: 10_000, toMs: 40_000 }

t.test('a moment falls into the slot that begins at or before it, and into none outside', (t) => {
  t.same(
    [9_999, 10_000, 19_999, 20_000, 39_999, 40_000].map((ms) => slotAt(axis, ms)),
    [null, 0, 0, 1, 2, null]
  )
  t.equal(slotStart(axis, 2), 30_000)
  t.equal(shareOf(span, 25_000), 0.5)
  t.equal(timeAt(span, 0.5), 25_000)
  t.equal(percentOf(1 / 3), '33.333%')
  t.equal(percentOf(99), '150%')
  t.end()
})

t.test('an interval is cut to what is shown', (t) => {
  t.same(clipped(span, 0, 25_000), { from: 0, to: 0.5 })
  t.same(clipped(span, 25_000, Infinity), { from: 0.5, to: 1 })
  t.equal(clipped(span, 0, 5_000), null)
  t.equal(clipped(span, 50_000, 60_000), null)
  t.end()
})

t.test('the slot that is still filling is not taken for a collapse, one that has not begun is unknown', (t) => {
  t.same(perSecond([100, 20, 0], axis, 22_000), [10, 10, null])
  t.same(perSecond([100, 20, 0], axis, 20_100), [10, 20, null], 'the first second counts as a whole one')
  t.end()
})

t.test('shares of nothing are unknown', (t) => {
  t.same(shares([1, 0], [4, 0]), [0.25, null])
  t.equal(highest([1, null, 3], [2]), 3)
  t.equal(highest(), 0)
  t.end()
})

t.test('the painter gets a closing point, so that the last value has its width', (t) => {
  t.same(painted(axis, [[1, null, 3]]), [
    [10_000, 20_000, 30_000, 40_000],
    [1, null, 3, 3]
  ])
  t.end()
})

t.test('linear scales end on a round number at or above the highest value', (t) => {
  for (const [value, top] of [
    [7, 7.5],
    [10, 10],
    [124, 150],
    [0.0034, 0.004],
    [1_999, 2_000],
    [0.3, 0.3]
  ] as const) {
    t.equal(Number(linearScale(value, 0.001).top.toPrecision(6)), top, String(value))
  }
  t.equal(linearScale(0, 1).top, 1, 'an empty chart has a scale as well')
  const { ticks } = linearScale(124, 1)
  t.same(
    ticks.map(({ value }) => value),
    [0, 50, 100, 150]
  )
  t.same(
    ticks.map(({ share }) => share),
    [0, 1 / 3, 2 / 3, 1]
  )
  t.end()
})

t.test('logarithmic places and ticks', (t) => {
  t.equal(logShare(10, 1, 100), 0.5)
  t.equal(logShare(0, 1, 100), 0)
  t.equal(logShare(1_000, 1, 100), 1)
  t.same(
    logTicks(1, 10_000).map(({ value }) => value),
    [1, 10, 100, 1_000, 10_000]
  )
  t.same(
    logTicks(2, 60).map(({ value }) => value),
    [2, 5, 10, 20, 50]
  )
  t.end()
})

t.test('time ticks stand on round local times, days are marked, and there are never too many', (t) => {
  const from = Date.UTC(2026, 10, 22, 22, 3)
  const ticks = timeTicks({ fromMs: from, toMs: from + 6 * HOUR }, 8, () => 0)
  t.same(
    ticks.map(({ atMs }) => new Date(atMs).toISOString().slice(11, 16)),
    ['23:00', '00:00', '01:00', '02:00', '03:00', '04:00']
  )
  t.same(
    ticks.filter(({ major }) => major).map(({ atMs }) => atMs),
    [Date.UTC(2026, 10, 23)]
  )
  for (let hours = 0.01; hours < 20_000; hours *= 1.7) {
    const found = timeTicks({ fromMs: from, toMs: from + hours * HOUR }, 10, () => 0).length
    t.ok(found <= 11, `${hours} h: ${found}`)
  }
  t.end()
})

t.test('ticks of days stay at local midnight when the clocks change', (t) => {
  const change = Date.UTC(2026, 9, 25, 1)
  const berlin = (ms: number): number => (ms < change ? 2 : 1) * HOUR
  const ticks = timeTicks({ fromMs: Date.UTC(2026, 9, 23, 12), toMs: Date.UTC(2026, 9, 27, 12) }, 6, berlin)
  t.same(
    ticks.map(({ atMs }) => (atMs + berlin(atMs)) % (24 * HOUR)),
    [0, 0, 0, 0]
  )
  t.end()
})

t.test('water rises with what is spent; overspent stands above the load line', (t) => {
  t.equal(waterOf(null), null)
  t.same(waterOf(1), { height: 0, beyond: false })
  t.equal(waterOf(0)?.height, LOAD_LINE)
  t.ok((waterOf(-0.1)?.height ?? 0) > LOAD_LINE)
  t.same(waterOf(-3), { height: 1, beyond: true })
  t.equal(heightOf(-1), 0)
  t.equal(DRAUGHT_MARKS.length, 11)
  t.same(
    DRAUGHT_MARKS.filter(({ long }) => long).map(({ leftPercent }) => leftPercent),
    [100, 50, 0]
  )
  t.end()
})

t.test('a hull is drawn within its picture, whatever was spent', (t) => {
  for (const left of [1, 0.5, 0, -0.2, -9]) {
    const { water } = hullDrawing(left, 26, 44)
    t.ok(water && water.y >= 1 && water.y <= 43 && water.y + water.height === 44, String(left))
  }
  t.equal(hullDrawing(null, 26, 44).water, null)
  t.equal(hullDrawing(0, 26, 50).lineY, 10)
  t.ok(hullDrawing(1, 58, 132).marks.length > hullDrawing(1, 26, 44).marks.length, 'a tall one has more marks')
  t.end()
})

t.test('keys move over the slots and stop at the ends', (t) => {
  const press = (key: string, slot: number | null, shiftKey = false) => keyMove({ key, shiftKey }, slot, 100)
  t.equal(press('ArrowRight', 5), 6)
  t.equal(press('ArrowLeft', 5, true), 0)
  t.equal(press('PageUp', 95), 99)
  t.equal(press('Home', 50), 0)
  t.equal(press('End', null), 99)
  t.equal(press('ArrowLeft', null), 99, 'from nowhere to the left: the newest')
  t.equal(press('ArrowRight', null), 0, 'from nowhere to the right: the oldest')
  t.equal(press('a', 5), null)
  t.end()
})

t.test('a spark keeps its slots and shows a single failure', (t) => {
  t.equal(stepArea([1, 2], 2, 10), 'M0 10V5h1V0h1V10z')
  t.equal(stepArea([], 1, 10), '')
  t.equal(bars([0, 1], 1_000, 10, 3), 'M1 10v-3h1V10z')
  t.equal(topOf([0, 0]), 1)
  t.end()
})

t.test('a value over its limit is told apart and pinned at the end of the scale', (t) => {
  t.match(limitScale(100, 200), { limit: 2 / 3, value: 1 / 3, over: false })
  t.match(limitScale(900, 200), { value: 1, over: true })
  t.match(limitScale(null, 200), { value: null, over: false })
  t.end()
})

t.test('a plot is read at the stop that stands nearest', (t) => {
  const stops = [{ x: 0.1 }, { x: 0.4 }, { x: 0.41 }]
  t.same(
    [0, 0.2, 0.3, 0.405001, 1].map((x) => nearest(stops, x)),
    [0, 0, 1, 2, 2]
  )
  t.equal(nearest([], 0.5), -1)
  t.equal(
    linePath([
      { x: 0, y: 0 },
      { x: 0.5, y: 1 }
    ]),
    'M0 1000L500 0'
  )
  t.end()
})

t.test('labels along the foot do not run into each other, and the major one stays', (t) => {
  const feet = [0, 0.9, 0.95, 1].map((share) => ({ share, label: String(share), major: share === 0.95 }))
  t.same(thinned(feet, 2_000), feet)
  t.same(
    thinned(feet, 300).map(({ share }) => share),
    [0, 0.95]
  )
  t.end()
})
