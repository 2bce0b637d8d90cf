// Judging 10,000 objectives: 2,500 services with four promises each over 30 days, all of them busy all the time.
import { openDatabase } from '../../api/src/platform/database/open.ts'
import { leadsAlone } from '../../api/src/platform/lease.ts'
import { ManualClock } from '../../api/src/platform/clock.ts'
import { AlertBook } from '../../api/src/slo/alerting/alert-book.ts'
import { CoverageBook } from '../../api/src/slo/coverage-book.ts'
import { Evaluator } from '../../api/src/slo/evaluator.job.ts'
import type { ObjectiveInForce } from '../../api/src/slo/objective-in-force.ts'
import type { Bank } from '../../api/src/slo/series/bank.ts'
import { SeriesBook } from '../../api/src/slo/series/book.ts'
import { BurnScan } from '../../api/src/slo/series/scan.ts'
import { median, report } from './measurement.ts'

const services = 2_500
const stepMs = 10_000
const rounds = 60

const promises: readonly Partial<ObjectiveInForce>[] = [
  { name: 'availability', indicator: 'availability', targetRatio: 0.999 },
  { name: 'errors', indicator: 'errors', targetRatio: 0.999 },
  { name: 'p95', indicator: 'latency', thresholdMs: 200, targetRatio: 0.95 },
  { name: 'p99', indicator: 'latency', thresholdMs: 500, targetRatio: 0.99 }
]

const objectives = Array.from({ length: services }, (_, i) =>
  promises.map((promise): ObjectiveInForce => ({
    service: `service-${i}`,
    name: '',
    title: '',
    description: null,
    indicator: 'availability',
    origin: 'requests',
    classes: ['user'],
    path: null,
    thresholdMs: null,
    targetRatio: 0.999,
    budgeting: { kind: 'requests' },
    window: { kind: 'rolling', durationMs: 30 * 86_400_000 },
    revision: 1,
    sinceMs: 0,
    thresholdSinceMs: 0,
    ...promise
  }))
).flat()

const clock = new ManualClock(Date.UTC(2026, 9, 20, 12))
const database = await openDatabase(':memory:', { nowMs: clock.nowMs() })
const coverage = new CoverageBook(database.db)
const silent = { info: () => {}, warn: () => {}, error: () => {} }
const book = new SeriesBook({
  clock,
  store: {
    onCommitted: () => () => {},
    oldestKeptMs: () => 0,
    follow: async (range, _visit, onReached) => onReached(range.toMs)
  }
})
const live = { publish: () => {}, share: () => {} }
const lease = leadsAlone(database.db)
const alerts = new AlertBook({
  db: database.db,
  lease,
  live,
  notifier: { enqueue: () => Promise.resolve() },
  log: silent,
  mutedBy: () => null
})
const evaluator = new Evaluator({
  clock,
  book,
  coverage,
  alerts,
  lease,
  live,
  log: silent,
  intervalMs: 3_600_000, // looked at by hand here
  sourcesOf: () => []
})

globalThis.gc?.()
const before = process.memoryUsage()
await evaluator.start(objectives)
const [bank] = book.banks
if (!bank) throw new Error('there is no bank to measure')
console.log(`filling ${bank.layout.rings.map(({ slots }) => slots).join(' + ')} slots of ${bank.columns} objectives`)
for (const { widthMs, slots } of bank.layout.rings) {
  for (let slot = 0; slot < slots; slot += 1) {
    const atMs = clock.nowMs() - slot * widthMs
    for (let column = 0; column < bank.columns; column++)
      bank.add(column, atMs, { total: 40, bad: slot % 50 === 0 ? 1 : 0 })
  }
}
globalThis.gc?.()
const after = process.memoryUsage()
const held = after.arrayBuffers + after.heapUsed - before.arrayBuffers - before.heapUsed

/** Ten seconds go by, with requests for everybody. */
function happen(bank: Bank): void {
  for (let column = 0; column < bank.columns; column++) bank.add(column, clock.nowMs(), { total: 40, bad: 0 })
  clock.advance(stepMs)
}

const scan = new BurnScan(bank, book.all)
const passes: number[] = []
const looks: number[] = []

const timed = (durations: number[], work: () => void): void => {
  const startedMs = performance.now()
  work()
  durations.push(performance.now() - startedMs)
}

for (let round = 0; round < rounds; round++) {
  happen(bank)
  timed(passes, () => {
    bank.advance(clock.nowMs())
    scan.burning()
  })
}
for (let round = 0; round < rounds; round++) {
  happen(bank)
  timed(looks, () => evaluator.look())
  await evaluator.settled
}
await evaluator.close()
await database.close()

const spread = (values: readonly number[]): string =>
  `median of ${values.length}; fastest ${Math.min(...values).toFixed(2)}, slowest ${Math.max(...values).toFixed(2)}`
const rounded = (value: number): number => Number(value.toPrecision(3))

report({
  what: `windows of ${objectives.length} objectives brought up to date and compared with their limits`,
  value: rounded(median(passes)),
  unit: 'ms',
  target: { atMost: 1 },
  note: `nine windows each, time moves on by one slot; ${spread(passes)}`
})
report({
  what: `a whole look at ${objectives.length} objectives: windows, states, slow-burn detector, changes`,
  value: rounded(median(looks)),
  unit: 'ms',
  note: `every 5 s; ${spread(looks)}`
})
report({
  what: 'memory of an objective of 30 days',
  value: rounded(held / objectives.length / 1_000),
  unit: 'kB',
  target: { atMost: 20 },
  note: `${rounded(bank.sizeBytes / objectives.length / 1_000)} kB of it counts`
})
