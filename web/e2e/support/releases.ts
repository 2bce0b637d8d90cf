import type {
  Canary,
  CanaryArm,
  CanaryState,
  Release,
  ReleaseBrief,
  ReleaseState,
  TimelineEntry
} from '@plimsoll/api/contract'
import { noise } from './random.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const STEP = 5 * SECOND
const iso = (ms: number): string => new Date(ms).toISOString()
const FAIL_NEEDED = Math.log(1_000)
const PASS_NEEDED = Math.log(20)

/** A release as the fixture server pretends it: from these all that is shown of it follows. */
export interface ReleaseScene {
  readonly id: string
  readonly service: string
  readonly version: string
  readonly before: string | null
  readonly environment?: string
  readonly source?: Release['source']
  readonly state: ReleaseState
  readonly text: string
  readonly startedAgoMs: number
  readonly tookMs: number | null
  readonly verdict?: 'pass' | 'warn' | 'fail'
  readonly canary?: {
    readonly state: CanaryState
    readonly text: string
    readonly act: boolean
    /** Evidence at the end, as a share of what decides. */
    readonly against: number
    readonly favour: number
    readonly failedRatio: number
    readonly silent?: boolean
    readonly toDecide?: Canary['toDecide']
    readonly lastMs: number
  }
  readonly actions?: Release['actions']
  readonly spent?: number
}

const failText =
  'failures: 4.2× those of the version before (2.1× to 9.4×), 2.1 %, promised 0.1 %; the chance of this by luck is below 0.1 %'

/** Every state a release can be seen in. */
export const releaseScenes = (nowMs: number): ReleaseScene[] => [
  {
    id: 'r-running',
    service: 'shop-api',
    version: '2026.11.4',
    before: '2026.11.3',
    state: 'canary',
    text: 'Deployment is running but requires manual promotion; api: 1 of 1 canaries healthy',
    startedAgoMs: 7 * MINUTE,
    tookMs: null,
    verdict: 'pass',
    spent: 0.004,
    canary: {
      state: 'running',
      text: 'evidence against: 6 % of what is needed, for: 61 %',
      act: true,
      against: 0.06,
      favour: 0.61,
      failedRatio: 0.0004,
      lastMs: 5 * MINUTE,
      toDecide: {
        requests: 2_300,
        durationMs: 6 * MINUTE,
        text: 'about 2,300 more clean requests, 6 min at this traffic'
      }
    }
  },
  {
    id: 'r-hold',
    service: 'checkout',
    version: '2026.11.3',
    before: '2026.11.2',
    state: 'canary',
    text: 'Deployment is paused',
    startedAgoMs: 14 * MINUTE,
    tookMs: null,
    verdict: 'warn',
    spent: 0.11,
    canary: {
      state: 'hold',
      text: 'both arms fail: not the release; the clock is paused',
      act: true,
      against: 0.18,
      favour: 0.12,
      failedRatio: 0.04,
      lastMs: 12 * MINUTE
    }
  },
  {
    id: 'r-thin',
    service: 'accounts',
    version: '3.9.0',
    before: '3.8.7',
    state: 'canary',
    text: 'Deployment is running but requires manual promotion',
    startedAgoMs: 44 * MINUTE,
    tookMs: null,
    canary: {
      state: 'not_enough_evidence',
      text: '0 failures in 812 requests prove less than 0.46 %; the promise is 0.1 %',
      act: true,
      against: 0,
      favour: 0.31,
      failedRatio: 0,
      lastMs: 30 * MINUTE
    }
  },
  {
    id: 'r-none',
    service: 'payments-webhook',
    version: 'sha-77aa01',
    before: 'sha-50fe12',
    state: 'canary',
    text: 'Deployment is running but requires manual promotion',
    startedAgoMs: 20 * MINUTE,
    tookMs: null,
    canary: {
      state: 'could_not_measure',
      text: 'no request of the canary in the log: does every reply name its release?',
      act: true,
      against: 0,
      favour: 0,
      failedRatio: 0,
      silent: true,
      lastMs: 3 * MINUTE
    }
  },
  {
    id: 'r-observe',
    service: 'search-api',
    version: '12.4.0',
    before: '12.3.9',
    state: 'canary',
    text: 'Deployment is running but requires manual promotion',
    startedAgoMs: 9 * MINUTE,
    tookMs: null,
    canary: {
      state: 'fail',
      text: failText,
      act: false,
      against: 1.3,
      favour: 0,
      failedRatio: 0.021,
      lastMs: 5 * MINUTE
    },
    actions: [
      {
        action: 'fail',
        by: 'plimsoll',
        reason: failText,
        intendedAt: iso(nowMs - 3 * MINUTE),
        state: 'observed_only',
        settledAt: iso(nowMs - 3 * MINUTE),
        text: 'the plan does not let Plimsoll act: it would have been failed'
      }
    ]
  },
  {
    id: 'r-warn',
    service: 'mailer',
    version: '1.7.0',
    before: '1.6.2',
    environment: 'staging',
    source: 'api',
    state: 'canary',
    text: 'announced by ci-mailer',
    startedAgoMs: 33 * MINUTE,
    tookMs: null,
    canary: {
      state: 'warn',
      text: 'it keeps the promise, and is worse than the version before: a person decides',
      act: true,
      against: 0.8,
      favour: 0.9,
      failedRatio: 0.0008,
      lastMs: 25 * MINUTE
    }
  },
  {
    id: 'r-announced',
    service: 'reports',
    version: '0.4.0',
    before: null,
    source: 'api',
    state: 'announced',
    text: 'announced by ci-reports',
    startedAgoMs: 2 * MINUTE,
    tookMs: null
  },
  {
    id: 'r-pass',
    service: 'catalog',
    version: '5.0.1',
    before: '5.0.0',
    source: 'deploy',
    state: 'promoted',
    text: 'Deployment completed successfully',
    startedAgoMs: 5 * HOUR,
    tookMs: 18 * MINUTE,
    verdict: 'pass',
    spent: 0.001,
    canary: {
      state: 'pass',
      text: 'failures below 0.09 % with 95 % confidence, and no slower than tolerated',
      act: true,
      against: 0.02,
      favour: 1.1,
      failedRatio: 0.0001,
      lastMs: 14 * MINUTE
    },
    actions: [
      {
        action: 'promote',
        by: 'plimsoll',
        reason: 'failures below 0.09 % with 95 % confidence, and no slower than tolerated',
        intendedAt: iso(nowMs - 5 * HOUR + 15 * MINUTE),
        state: 'done',
        settledAt: iso(nowMs - 5 * HOUR + 15 * MINUTE + 2 * SECOND),
        text: 'Nomad shows it as promoted'
      }
    ]
  },
  {
    id: 'r-fail',
    service: 'shop-api',
    version: '2026.11.2',
    before: '2026.11.1',
    source: 'deploy',
    state: 'reverted',
    text: 'Failed due to a person or a program; rolled back to job version 41',
    startedAgoMs: 6 * DAY,
    tookMs: 7 * MINUTE,
    verdict: 'warn',
    spent: 0.062,
    canary: {
      state: 'fail',
      text: failText,
      act: true,
      against: 1.4,
      favour: 0,
      failedRatio: 0.021,
      lastMs: 4 * MINUTE
    },
    actions: [
      {
        action: 'fail',
        by: 'plimsoll',
        reason: failText,
        intendedAt: iso(nowMs - 6 * DAY + 5 * MINUTE),
        state: 'done',
        settledAt: iso(nowMs - 6 * DAY + 5 * MINUTE + 3 * SECOND),
        text: 'Nomad failed the deployment and went back to job version 41'
      }
    ]
  },
  {
    id: 'r-superseded',
    service: 'images',
    version: '2.2.0',
    before: '2.1.9',
    state: 'superseded',
    text: 'Cancelled because job is newer: 2.2.1 came while it was a canary',
    startedAgoMs: 2 * DAY,
    tookMs: 3 * MINUTE,
    actions: [
      {
        action: 'promote',
        by: 'ben',
        reason: 'looks good to me',
        intendedAt: iso(nowMs - 2 * DAY + 3 * MINUTE),
        state: 'superseded',
        settledAt: iso(nowMs - 2 * DAY + 3 * MINUTE + SECOND),
        text: 'a newer version of the job had taken its place'
      }
    ]
  },
  ...Array.from({ length: 52 }, (_, index): ReleaseScene => ({
    id: `r-old-${index}`,
    service: index % 3 === 0 ? 'catalog' : 'shop-api',
    version: index % 3 === 0 ? `4.${52 - index}.0` : `2026.${10 - (index % 8)}.${52 - index}`,
    before: null,
    source: 'log',
    state: 'promoted',
    text: 'its first request came',
    startedAgoMs: (8 + index) * DAY,
    tookMs: 10 * MINUTE
  }))
]

/** Evidence as it gathers: slowly at first, with steps back. */
const climb = (seed: string, steps: number, end: number): number[] =>
  Array.from({ length: steps }, (_, step) => {
    const done = (step + 1) / steps
    const wander = step === steps - 1 ? 0 : (noise(seed, step) - 0.5) * 0.12 * Math.abs(end)
    return end * done ** 1.4 + wander
  })

const armOf = (scene: ReleaseScene, which: 'canary' | 'baseline', fromMs: number, steps: number): CanaryArm => {
  const { canary } = scene
  const perStep = which === 'canary' ? 60 : 540
  const failedRatio =
    which === 'canary' || canary?.state === 'hold'
      ? (canary?.failedRatio ?? 0)
      : 0.005 * (canary?.failedRatio ? 0.1 : 0)
  const silent = which === 'canary' && canary?.silent === true
  const seed = `${scene.id}${which}`
  const total = Array.from({ length: steps }, (_, step) =>
    silent ? 0 : Math.round(perStep * (0.8 + 0.4 * noise(seed, step)))
  )
  const bad = total.map((all, step) =>
    Math.floor(
      all * failedRatio * 2 * noise(`${seed}b`, step) + noise(`${seed}r`, step) * 0.999 * Math.min(1, all * failedRatio)
    )
  )
  const sum = (column: readonly number[]): number => column.reduce((all, value) => all + value, 0)
  const slowdown = which === 'canary' && canary?.state === 'fail' ? 1.6 : 1
  const all = sum(total)
  const failed = sum(bad)
  return {
    version: which === 'canary' ? scene.version : (scene.before ?? 'before'),
    allocations: which === 'canary' ? 1 : 9,
    total: all,
    bad: failed,
    slow: failed + Math.round(all * 0.012 * slowdown),
    badRatio: all === 0 ? null : failed / all,
    badUpperRatio: all === 0 ? null : Math.min(1, (failed + 3 * Math.sqrt(failed) + 4.6) / all),
    p50Ms: silent ? null : 41 * slowdown,
    p95Ms: silent ? null : 118 * slowdown,
    p99Ms: silent ? null : 240 * slowdown,
    seconds: {
      fromAt: iso(fromMs),
      toAt: iso(fromMs + steps * STEP),
      stepMs: STEP,
      total,
      bad,
      p95Ms: total.map((count, step) => (count === 0 ? null : 118 * slowdown * (0.9 + 0.2 * noise(`${seed}l`, step))))
    }
  }
}

const canaryOf = (scene: ReleaseScene, startedMs: number): Canary | null => {
  const { canary } = scene
  if (!canary) return null
  const warmUpMs = 30 * SECOND
  const begunMs = startedMs + 40 * SECOND
  const fromMs = begunMs + warmUpMs
  const steps = Math.floor(canary.lastMs / STEP)
  const against = climb(`${scene.id}a`, steps, canary.against * FAIL_NEEDED)
  const favour = climb(`${scene.id}f`, steps, canary.favour * PASS_NEEDED)
  const decided = canary.state !== 'running' && canary.state !== 'hold'
  const judgedAt = iso(fromMs + steps * STEP)
  const ratio = canary.state === 'fail' ? 4.2 : canary.silent ? null : 1.04
  return {
    state: canary.state,
    text: canary.text,
    reasons: [{ code: 'canary_errors', text: canary.text }],
    act: canary.act,
    startedAt: iso(begunMs),
    judgedAt,
    warmUpMs,
    soakMs: 5 * MINUTE,
    deadlineAt: iso(begunMs + 30 * MINUTE),
    decidedAt: decided ? judgedAt : null,
    arms: {
      canary: armOf(scene, 'canary', fromMs, steps),
      baseline: scene.before === null ? null : armOf(scene, 'baseline', fromMs, steps)
    },
    evidence: {
      failLogE: against.at(-1) ?? 0,
      failNeeded: FAIL_NEEDED,
      passLogE: favour.at(-1) ?? 0,
      passNeeded: PASS_NEEDED
    },
    channels: [
      {
        name: 'errors',
        failLogE: against.at(-1) ?? 0,
        passLogE: favour.at(-1) ?? 0,
        ratio,
        ratioInterval: ratio === null ? null : ratio > 2 ? [2.1, 9.4] : [0.2, null]
      },
      {
        name: 'slow_slo',
        failLogE: (against.at(-1) ?? 0) * 0.4,
        passLogE: favour.at(-1) ?? 0,
        ratio: ratio === null ? null : 1.1,
        ratioInterval: ratio === null ? null : [0.7, 1.6]
      },
      {
        name: 'slow_p50',
        failLogE: 0.1,
        passLogE: null,
        ratio: ratio === null ? null : 0.98,
        ratioInterval: ratio === null ? null : [0.9, 1.1]
      },
      {
        name: 'slow_p95',
        failLogE: (against.at(-1) ?? 0) * 0.6,
        passLogE: null,
        ratio: ratio === null ? null : 1.2,
        ratioInterval: ratio === null ? null : [0.8, 1.9]
      },
      {
        name: 'slow_p99',
        failLogE: 0,
        passLogE: null,
        ratio: ratio === null ? null : 1.01,
        ratioInterval: ratio === null ? null : [0.5, 2.2]
      }
    ],
    curve: { fromAt: iso(fromMs), toAt: judgedAt, stepMs: STEP, failLogE: against, passLogE: favour },
    toDecide: canary.toDecide ?? null
  }
}

const timelineOf = (scene: ReleaseScene, startedMs: number): TimelineEntry[] => {
  const at = (afterMs: number): string => iso(startedMs + afterMs)
  const entries: TimelineEntry[] = []
  if (scene.verdict)
    entries.push({ at: at(-20 * SECOND), kind: 'gate', text: `the gate said ${scene.verdict}`, by: 'ci-shop' })
  if (scene.source === 'api')
    entries.push({ at: at(0), kind: 'announced', text: scene.text, by: `ci-${scene.service}` })
  else entries.push({ at: at(0), kind: 'evaluation', text: 'Nomad began deployment 5f0c91ab', by: null })
  if (scene.canary) {
    entries.push(
      { at: at(8 * SECOND), kind: 'allocation', text: 'canary 1d2e3f40 of api placed on node-3', by: null },
      { at: at(38 * SECOND), kind: 'canary_healthy', text: 'canary 1d2e3f40 is healthy', by: null },
      { at: at(40 * SECOND), kind: 'analysis', text: `compared with ${scene.before} from now on`, by: null }
    )
  }
  for (const action of scene.actions ?? [])
    entries.push({
      at: action.settledAt ?? action.intendedAt,
      kind: 'action',
      text: `${action.action}: ${action.text}`,
      by: action.by
    })
  if (scene.state === 'reverted' && scene.tookMs !== null)
    entries.push({ at: at(scene.tookMs), kind: 'reverted', text: `${scene.before} serves again`, by: null })
  if (scene.state === 'promoted' && scene.tookMs !== null)
    entries.push({ at: at(scene.tookMs), kind: 'promoted', text: scene.text, by: null })
  return entries
}

const VERDICT_WORDS = {
  pass: 'may ship to production',
  warn: 'may ship to production, with a warning',
  fail: 'may not ship to production'
} as const

/** A release with all that is known of it. */
export const aRelease = (scene: ReleaseScene, nowMs: number): Release => {
  const startedMs = nowMs - scene.startedAgoMs
  const { id, service, version, before, environment = 'production', source = 'nomad', state, text, verdict } = scene
  return {
    id,
    service,
    version,
    previousVersion: before,
    environment,
    source,
    state,
    text,
    startedAt: iso(startedMs),
    endedAt: scene.tookMs === null ? null : iso(startedMs + scene.tookMs),
    verdict: verdict
      ? {
          id: `v-${verdict}`,
          state: verdict,
          text: `${service} ${version} ${VERDICT_WORDS[verdict]}`,
          at: iso(startedMs - 20 * SECOND),
          mayShip: verdict !== 'fail'
        }
      : null,
    canaryState: scene.canary?.state ?? null,
    budgetSpent: scene.spent === undefined ? [] : [{ objective: 'availability', spentRatio: scene.spent }],
    nomad:
      source === 'nomad' || source === 'deploy'
        ? { job: service, namespace: 'default', jobVersion: 42, deployment: '5f0c91ab' }
        : null,
    timeline: timelineOf(scene, startedMs),
    canary: canaryOf(scene, startedMs),
    actions: [...(scene.actions ?? [])],
    overrides: id === 'r-fail' ? ['ovr-past'] : []
  }
}

export const releaseBrief = (release: Release): ReleaseBrief => {
  const { id, service, version, previousVersion, environment, source, state, text } = release
  const { startedAt, endedAt, verdict, canaryState, budgetSpent } = release
  return {
    id,
    service,
    version,
    previousVersion,
    environment,
    source,
    state,
    text,
    startedAt,
    endedAt,
    verdict,
    canaryState,
    budgetSpent
  }
}
