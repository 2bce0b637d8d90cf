// 200 canaries judged at once on one core: what a look costs every second, and what traffic costs before it.
import { ManualClock } from '../../api/src/platform/clock.ts'
import { openDatabase } from '../../api/src/platform/database/open.ts'
import { leadsAlone } from '../../api/src/platform/lease.ts'
import { createNomad } from '../../api/src/platform/nomad/client.ts'
import { parsePlan } from '../../api/src/plan/parse.rules.ts'
import { Releases } from '../../api/src/release/canary/releases.ts'
import { ReleaseStore } from '../../api/src/release/canary/store.ts'
import { emptyCounts } from '../../api/src/signals/counts.ts'
import { Recent } from '../../api/src/signals/recent/recent.ts'
import type { SliceDelta } from '../../api/src/signals/slice.ts'
import { median, report } from './measurement.ts'

const canaries = 200
const seconds = 300
const perSecond = 50

const names = Array.from({ length: canaries }, (_, i) => `service-${i}`)
const { plan } = parsePlan(`plan: plimsoll/v1
services:
${names
  .map(
    (name) => `  - name: ${name}
    signals: [push]
    promise: { availability: 99.9%, p95: 200ms, window: 30d }
    release: { warmUp: 0s, soak: 7d, deadline: 7d }
`
  )
  .join('')}`)
if (!plan) throw new Error('the plan of this bench is wrong')

const clock = new ManualClock(Date.UTC(2026, 10, 2, 8))
const database = await openDatabase(':memory:', { nowMs: clock.nowMs() })
const recent = new Recent({ clock, thresholdOf: () => 200 })
const releases = new Releases({
  store: new ReleaseStore(database.db),
  clock,
  lease: leadsAlone(database.db),
  recent,
  log: { info: () => {}, warn: (facts: unknown) => console.log(facts) },
  nomadOf: () => createNomad({ address: 'http://127.0.0.1:9' }), // nothing here runs in Nomad
  isPaged: () => Promise.resolve(false),
  tellWebhook: () => Promise.resolve({ kind: 'taken', text: '' }),
  settleMs: 3_000,
  onChange: () => {},
  onActed: () => Promise.resolve()
})
releases.take(plan.services)

/** One second of one version: a realistic spread of latencies, every thousandth answer a failure. */
const aSecond = (service: string, release: string, second: number): SliceDelta => {
  const counts = emptyCounts()
  counts.total = perSecond
  counts.status5xx = second % 20 === 0 ? 1 : 0
  counts.status2xx = perSecond - counts.status5xx
  counts.slow.set(200, 1)
  for (let i = 0; i < perSecond; i++) counts.latency.record(20_000 + ((i * 7_919 + second * 104_729) % 60_000))
  return {
    stream: { service, release, trafficClass: 'user', route: '/', scope: '', origin: 'requests' },
    startMs: clock.nowMs(),
    widthMs: 1_000,
    counts
  }
}

/** Milliseconds of processor time that work takes. */
async function cpuMs(work: () => void | Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}

/** A second goes by in every service. */
const happen = (second: number): void => {
  recent.add(names.flatMap((name) => ['v1', 'v2'].map((release) => aSecond(name, release, second))))
  clock.advance(1_000)
}

for (let second = 0; second < 60; second++) happen(second)
const beginning = await cpuMs(async () => {
  for (const service of plan.services) {
    const asked = { service, version: 'v2', environment: 'production', baseline: 'v1', analyse: true }
    await releases.announce({ ...asked, text: null, by: 'bench' })
  }
})

const looks: number[] = []
const traffic: number[] = []
for (let second = 60; second < 60 + seconds; second++) {
  traffic.push(await cpuMs(() => happen(second)))
  looks.push(await cpuMs(() => releases.tick()))
}
const judged = await releases.store.list({ limit: canaries })
const batches = (await releases.store.batches(judged[0]!.id)).length
await releases.close()
await database.close()
if (judged.length !== canaries || batches < seconds / 5 - 2) throw new Error('not every canary was judged')

const rounded = (value: number): number => Number(value.toPrecision(3))
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

report({
  what: `${canaries} canaries judged every second, share of one core`,
  value: rounded(mean(looks) / 1_000),
  unit: 'ratio',
  target: { atMost: 0.25 },
  note: `mean of ${seconds} s, with their batches written; a look: median ${rounded(median(looks))} ms, slowest ${rounded(Math.max(...looks))} ms`
})
report({
  what: 'one canary, judged for one second',
  value: rounded((mean(looks) / canaries) * 1_000),
  unit: 'µs',
  note: `${batches} batches each in ${seconds} s, five channels`
})
report({
  what: 'beginning an analysis',
  value: rounded(beginning / canaries),
  unit: 'ms',
  note: 'once for each canary: 14 minutes of failures of the version before are looked at'
})
report({
  what: `a second of traffic of ${canaries} services with two versions each, kept for the judges`,
  value: rounded(mean(traffic)),
  unit: 'ms',
  note: `${perSecond} requests a second and version, made up and added`
})
