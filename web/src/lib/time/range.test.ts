import t from 'tap'
import {
  chosenRange,
  heldRange,
  localInput,
  parseRange,
  rangeParams,
  refreshMs,
  resolveRange,
  stepMs
} from './range.ts'

const HOUR = 3_600_000
const of = (query: string) => parseRange(new URLSearchParams(query))

t.test('a range survives its address', (t) => {
  for (const query of ['range=15m', 'range=30d', 'from=2026-11-01T00:00:00.000Z&to=2026-11-02T00:00:00.000Z']) {
    const params = rangeParams(of(query))
    const again = new URLSearchParams(
      Object.entries(params).filter((pair): pair is [string, string] => pair[1] !== null)
    )
    t.equal(again.toString(), new URLSearchParams(query).toString())
  }
  t.same(rangeParams(of('range=1h')), { range: null, from: null, to: null }, 'the default needs no parameter')
  t.end()
})

t.test('an address that makes no range means the last hour', (t) => {
  for (const query of [
    '',
    'range=2y',
    'range=toString',
    'from=x&to=y',
    'from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z',
    'from=2026-11-02T00:00:00Z'
  ]) {
    t.same(of(query), { kind: 'last', preset: '1h' }, query)
  }
  t.end()
})

t.test('a range that ends now keeps its slots from one reading to the next', (t) => {
  const first = resolveRange(of('range=1h'), 1_000_003)
  const second = resolveRange(of('range=1h'), 1_008_000)
  t.same(first, { fromMs: 1_010_000 - HOUR, toMs: 1_010_000 })
  t.same(second, first)
  t.equal(resolveRange(of('range=1h'), 1_010_001).toMs, 1_020_000)
  t.end()
})

t.test('steps are the finest that give at most 720 points', (t) => {
  t.equal(stepMs(HOUR), 10_000)
  t.equal(stepMs(6 * HOUR), 30_000)
  t.equal(stepMs(24 * HOUR), 120_000)
  t.equal(stepMs(30 * 24 * HOUR), HOUR)
  t.equal(stepMs(4_000 * 24 * HOUR), 24 * HOUR)
  t.end()
})

t.test('only ranges that end now are read anew, longer ones less often', (t) => {
  t.equal(refreshMs(of('range=15m')), 5_000)
  t.equal(refreshMs(of('range=1h')), 10_000)
  t.equal(refreshMs(of('range=30d')), 300_000)
  t.equal(refreshMs(of('from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z')), null)
  t.end()
})

t.test('what is drawn on a chart is at least a minute, and not the future', (t) => {
  t.same(heldRange(1_000.4, 200_000.6, 900_000), { kind: 'fixed', fromMs: 1_000, toMs: 200_001 })
  t.same(heldRange(100_000, 101_000, 900_000), { kind: 'fixed', fromMs: 41_000, toMs: 101_000 })
  t.same(heldRange(-500_000, 2_000_000, 900_001), { kind: 'fixed', fromMs: -500_000, toMs: 901_000 })
  t.end()
})

t.test('a chosen range is local time, in order, and at least a minute long', (t) => {
  const ms = Date.UTC(2026, 10, 22, 12, 30)
  t.same(chosenRange(localInput(ms), localInput(ms + HOUR)), { kind: 'fixed', fromMs: ms, toMs: ms + HOUR })
  t.equal(chosenRange(localInput(ms), localInput(ms)), null)
  t.equal(chosenRange('', ''), null)
  t.end()
})
