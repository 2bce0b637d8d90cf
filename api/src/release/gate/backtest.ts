import type { FastifyInstance } from 'fastify'
import type { Backtest, GateRuleName } from '../../contract/gate.ts'
import type { GatePolicy, ResolvedService } from '../../plan/model.ts'
import { alertsBetween } from '../../slo/alerting/alert-store.ts'
import { historyOf } from '../../slo/history.ts'
import { nameOfWindow } from '../../slo/window.rules.ts'
import { factsOfLines, factsOfRuns } from './collect.ts'
import { stops } from './effect.rules.ts'
import type { GateFacts, ObjectiveFact } from './facts.ts'
import { judgeGate, type Judgement } from './judge.rules.ts'
import type { GateStore } from './store.ts'

export interface BacktestQuery {
  readonly service: ResolvedService
  readonly environment: string
  readonly fromMs: number
  readonly toMs: number
  /** To be tried; `unmeasured` decided. */
  readonly policy: GatePolicy
}

/** What became of a version; null: not known. */
export type OutcomePort = (service: string, environment: string, version: string) => Promise<string | null>

interface Deps {
  readonly rooms: Pick<FastifyInstance, 'slices' | 'load' | 'database' | 'clock'>
  readonly store: GateStore
  readonly outcome: OutcomePort
}

interface Past {
  readonly version: string
  readonly atMs: number
  readonly judged: Judgement
}

/** Releases of the past that are judged at most: each that has no verdict reads history of its own. */
const mostReleases = 200

/** What cannot be told of a moment for which no verdict was asked. */
const notKept: readonly GateRuleName[] = ['previous_release', 'risks', 'milestones', 'dependencies']

/**
 * Replays a policy over the past: versions that asked the gate by the facts of that verdict, versions that
 * merely appeared in the traffic by what was counted and alerted before they appeared.
 */
export const backtest = async (deps: Deps, query: BacktestQuery): Promise<Backtest> => {
  const { service, environment, fromMs, toMs, policy } = query
  const kept = await deps.store.lastOfEachVersion(service.name, environment, fromMs, toMs)
  const asked: Past[] = kept.map(({ facts }) => ({
    version: facts.version,
    atMs: facts.atMs,
    judged: judgeGate(facts, policy, [])
  }))
  const known = new Set(asked.map(({ version }) => version))
  const seen = (await deps.rooms.slices.releases(service.name, fromMs, toMs)).filter(
    ({ release, firstSeenMs }) => release !== '' && !known.has(release) && firstSeenMs >= fromMs && firstSeenMs < toMs
  )
  const appeared: Past[] = []
  for (const { release, firstSeenMs } of seen.slice(-mostReleases)) {
    const facts = await reconstruct(deps, query, release, firstSeenMs)
    appeared.push({ version: release, atMs: firstSeenMs, judged: judgeKnown(facts, policy) })
  }
  const past = [...asked, ...appeared].toSorted((a, b) => a.atMs - b.atMs)
  const releases = await Promise.all(
    past.map(async ({ version, atMs, judged }) => ({
      version,
      at: new Date(atMs).toISOString(),
      state: judged.state,
      blocked: !judged.mayShip,
      blockedBy: judged.mayShip ? [] : judged.rules.filter(stops).map(({ rule }) => rule),
      outcome: await deps.outcome(service.name, environment, version),
      rules: judged.rules
    }))
  )
  const blocked = releases.filter((release) => release.blocked).length
  return {
    service: service.name,
    environment,
    from: new Date(fromMs).toISOString(),
    to: new Date(toMs).toISOString(),
    text:
      releases.length === 0
        ? 'no release is known in this time'
        : `would have blocked ${blocked} of ${releases.length} releases`,
    releases
  }
}

/** Rules about which nothing was kept neither block nor pass. */
const judgeKnown = (facts: GateFacts, policy: GatePolicy): Judgement => {
  const off = Object.fromEntries(notKept.map((rule) => [rule, 'off' as const]))
  const judged = judgeGate(facts, { ...policy, rules: { ...policy.rules, ...off } }, [])
  return {
    ...judged,
    rules: judged.rules.map((rule) =>
      notKept.includes(rule.rule)
        ? { ...rule, state: 'could_not_measure' as const, text: 'what it was then was not kept', value: null }
        : rule
    )
  }
}

const reconstruct = async (
  { rooms, store }: Deps,
  { service, environment, policy }: BacktestQuery,
  version: string,
  atMs: number
): Promise<GateFacts> => {
  const { name } = service
  const at = new Date(atMs).toISOString()
  const [objectives, alerts, run, { line, reference }, evidence] = await Promise.all([
    Promise.all(service.objectives.map((objective) => objectiveAt(rooms, objective, atMs))),
    alertsBetween(rooms.database.db, name, atMs, atMs + 1),
    factsOfRuns(rooms.load.store, name, version, atMs),
    factsOfLines(rooms.load.store, name, version, policy, atMs),
    store.evidence(name, { limit: 1_000 })
  ])
  return {
    service: name,
    version,
    environment,
    atMs,
    objectives,
    alerts: {
      lookedAt: at,
      pages: alerts
        .filter(({ severity, openedAt }) => severity === 'page' && Date.parse(openedAt) <= atMs)
        .map(({ id, title, openedAt }) => ({ id, title, openedAt }))
    },
    run,
    loadPlanned: service.load !== null,
    line,
    reference,
    inFlight: [],
    inFlightUnreadable: null,
    risks: [],
    milestones: [],
    dependencies: [],
    evidence: evidence.filter(({ receivedAt }) => Date.parse(receivedAt) <= atMs)
  }
}

const minuteMs = 60_000

/** The budget as it stood in the last whole minute before. */
const objectiveAt = async (
  { slices, database, clock }: Deps['rooms'],
  objective: ResolvedService['objectives'][number],
  atMs: number
): Promise<ObjectiveFact> => {
  const toMs = Math.floor(atMs / minuteMs) * minuteMs
  const range = { fromMs: toMs - minuteMs, toMs, stepMs: minuteMs }
  const history = await historyOf(objective, range, { db: database.db, store: slices, nowMs: clock.nowMs() })
  const remainingRatio = history.remainingRatio.at(-1) ?? null
  return {
    name: objective.name,
    state: remainingRatio === null ? 'could_not_measure' : 'pass',
    reasons: remainingRatio === null ? [{ code: 'not_measured', text: 'nothing was measured by then' }] : [],
    remainingRatio,
    total: history.total.at(-1) ?? 0,
    window: nameOfWindow(objective.window),
    freshAt: new Date(toMs).toISOString()
  }
}
