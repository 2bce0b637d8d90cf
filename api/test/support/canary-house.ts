import type { Test } from 'tap'
import { parsePlan } from '../../src/plan/parse.rules.ts'
import type { ResolvedService } from '../../src/plan/model.ts'
import { ManualClock } from '../../src/platform/clock.ts'
import type { Database } from '../../src/platform/database/open.ts'
import { leadsAlone, type Leadership } from '../../src/platform/lease.ts'
import { createNomad, type Nomad } from '../../src/platform/nomad/client.ts'
import type { ReleaseRecord } from '../../src/release/canary/record.ts'
import { Releases } from '../../src/release/canary/releases.ts'
import { ReleaseStore } from '../../src/release/canary/store.ts'
import { emptyCounts } from '../../src/signals/counts.ts'
import { Recent } from '../../src/signals/recent/recent.ts'
import type { SliceDelta } from '../../src/signals/slice.ts'
import { openTestDatabase } from './database.ts'
import { startFakeNomad } from './fake-nomad.ts'
import { nomadJob } from './nomad-agent.ts'

export const startMs = Date.UTC(2026, 10, 2, 8)

export const planOf = (release: string): string => `plan: plimsoll/v1
services:
  - name: shop
    signals: [push]
    promise: { availability: 99.9%, p95: 200ms, errors: 0.1%, window: 30d }
    release: ${release}
`

export const serviceOf = (release: string): ResolvedService => {
  const { plan, faults } = parsePlan(planOf(release))
  if (!plan) throw new Error(JSON.stringify(faults))
  return plan.services[0]!
}

/** What one version did in one second. */
export interface Arm {
  readonly release: string
  readonly total: number
  readonly bad?: number
  readonly latencyMs?: number
}

const aSecond = (startMs: number, { release, total, bad = 0, latencyMs = 50 }: Arm): SliceDelta => {
  const counts = emptyCounts()
  counts.total = total
  counts.status2xx = total - bad
  counts.status5xx = bad
  counts.slow.set(200, latencyMs > 200 ? total : bad)
  counts.latency.recordMany(latencyMs * 1_000, total)
  return {
    stream: { service: 'shop', release, trafficClass: 'user', route: '/', scope: '', origin: 'requests' },
    startMs,
    widthMs: 1_000,
    counts
  }
}

export const well: readonly Arm[] = [
  { release: 'v1', total: 200 },
  { release: 'v2', total: 200 }
]
/** Half of the canary's answers are failures: known after three batches. */
export const dead: readonly Arm[] = [
  { release: 'v1', total: 50 },
  { release: 'v2', total: 50, bad: 25 }
]

export interface HouseOptions {
  /** Default: acts, without warm-up, after a soak of a minute. */
  readonly release?: string
  readonly database?: Database
  readonly lease?: (database: Database) => Leadership
  readonly nomad?: Awaited<ReturnType<typeof startFakeNomad>>
  readonly clock?: ManualClock
  /** Whether a webhook takes what it is told, each time; then it does. */
  readonly webhook?: boolean[]
}

/** The room of releases on a Nomad in memory, with traffic and time as they are told. */
export async function aHouse(t: Test, options: HouseOptions = {}) {
  const server = options.nomad ?? (await startFakeNomad())
  const clock = options.clock ?? new ManualClock(startMs)
  const database = options.database ?? (await openTestDatabase(startMs))
  const nomad = createNomad({ address: server.url, clock })
  const service = serviceOf(
    options.release ?? '{ nomad: { job: shop }, act: true, warmUp: 0s, soak: 1m, deadline: 10m }'
  )
  const recent = new Recent({ clock, thresholdOf: () => 200 })
  const acted: string[] = []
  const told: string[] = []
  const paged = { now: false }
  const releases = new Releases({
    store: new ReleaseStore(database.db),
    clock,
    lease: options.lease?.(database) ?? leadsAlone(database.db),
    recent,
    log: { info: () => {}, warn: () => {} },
    nomadOf: () => nomad,
    isPaged: () => Promise.resolve(paged.now),
    tellWebhook: (_service, release, { action }) => {
      told.push(`${action} ${release.version}`)
      const isTaken = options.webhook?.shift() ?? true
      return Promise.resolve({ kind: isTaken ? 'taken' : 'not_yet', text: 'the webhook said so' })
    },
    settleMs: 3_000,
    onChange: () => {},
    onActed: (_release, { action, state }) => Promise.resolve(void acted.push(`${action} ${state}`))
  })
  releases.take([service])
  let isOpen = true
  const close = async (): Promise<void> => {
    if (!isOpen) return
    isOpen = false
    await releases.close()
    await nomad.close()
    if (!options.nomad) server.close()
    if (!options.database) await database.close()
  }
  t.teardown(close)

  const actions = async (version = 'v2') => releases.store.actions((await release(version)).id)
  const release = async (version: string): Promise<ReleaseRecord> => {
    const found = await releases.store.ofVersion('shop', 'production', version)
    if (!found) throw new Error(`no release ${version}`)
    return found
  }
  return {
    server,
    clock,
    database,
    nomad,
    service,
    releases,
    acted,
    told,
    /** Set `now` while a page about the service is open. */
    paged,
    actions,
    release,
    close,
    /** Hands a version in, waits until it stands, and reads it. */
    async submit(version: string): Promise<void> {
      await handIn(nomad, version)
      await standing(nomad)
      await releases.sync(service)
    },
    /** Lets time pass with this traffic every second, judged every second. */
    async pass(seconds: number, ...arms: readonly Arm[]): Promise<void> {
      for (let i = 0; i < seconds; i++) {
        recent.add(arms.map((arm) => aSecond(clock.nowMs(), arm)))
        clock.advance(1_000)
        await releases.tick()
      }
    },
    /** How often Nomad was asked to `promote`, `fail` or `pause`. */
    askedTo: (verb: string): number => server.asked.filter((line) => line.includes(`/deployment/${verb}/`)).length
  }
}

/** With v1 serving and a canary v2 that is healthy. */
export async function aCanary(t: Test, options: HouseOptions = {}) {
  const house = await aHouse(t, options)
  await house.submit('v1')
  await house.submit('v2')
  return house
}

/** Registers a version of the job. */
export async function handIn(nomad: Nomad, version: string): Promise<void> {
  const job = await nomad.parse(nomadJob('shop', { behaviour: 'ok' }), `version = "${version}"\n`)
  const index = await nomad.wireJob('shop').then(
    ({ JobModifyIndex }) => JobModifyIndex ?? 0,
    () => 0
  )
  await nomad.register(job, index)
}

/** Until the deployment under way is healthy or over. */
export async function standing(nomad: Nomad): Promise<void> {
  for (;;) {
    const latest = await nomad.latestDeployment('shop')
    const rolling = latest?.groups.some(({ healthy, canariesWanted, promoted, wanted }) =>
      canariesWanted > 0 && !promoted ? healthy < canariesWanted : healthy < wanted
    )
    if (latest?.status !== 'running' || !rolling) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
