import type { FastifyInstance } from 'fastify'
import type { LoadLine, LoadRun } from '../../contract/load.ts'
import type { GatePolicy, HttpCheck, ResolvedService } from '../../plan/model.ts'
import { runHttpCheck } from '../../plan/acceptance/http-check.ts'
import { messageOf } from '../../platform/errors.ts'
import { openPages } from '../../slo/alerting/alert-store.ts'
import type { AlertsFact, DependencyFact, GateFacts, InFlightFact, LineFact, ObjectiveFact, RunFact } from './facts.ts'
import type { GateStore } from './store.ts'

export interface Subject {
  readonly service: ResolvedService
  readonly version: string
  readonly environment: string
}

/** Which other versions of a service are on their way into an environment; rejects when that cannot be read. */
export type InFlightPort = (service: string, environment: string) => Promise<readonly InFlightFact[]>

type Rooms = Pick<FastifyInstance, 'slo' | 'plan' | 'load' | 'clock' | 'database'>

export interface Sources {
  readonly rooms: Rooms
  readonly store: GateStore
  readonly inFlight: InFlightPort
}

/** Newest runs and lines that are looked through for one of this version. */
const lookedThrough = 50
const dependencyTimeoutMs = 5_000

/** Gathers what the rules of the gate are given, all of it now. */
export const collectFacts = async (
  { rooms, store, inFlight }: Sources,
  { service, version, environment }: Subject,
  policy: GatePolicy
): Promise<GateFacts> => {
  const { name } = service
  const { load, plan, clock } = rooms
  const atMs = clock.nowMs()
  const [objectives, alerts, run, lines, others, milestones, dependencies, evidence] = await Promise.all([
    objectivesOf(rooms, name),
    alertsOf(rooms, name),
    factsOfRuns(load.store, name, version, atMs),
    factsOfLines(load.store, name, version, policy, atMs),
    inFlight(name, environment).catch((error: unknown) => messageOf(error)),
    plan.milestones(),
    Promise.all(policy.dependencies.map((dependency) => dependencyOf(rooms, dependency))),
    store.evidence(name, { limit: 1_000 }, atMs - longestOf(policy))
  ])
  return {
    service: name,
    version,
    environment,
    atMs,
    objectives,
    alerts,
    run,
    loadPlanned: service.load !== null,
    ...lines,
    inFlight: typeof others === 'string' ? null : others.filter((other) => other.version !== version),
    inFlightUnreadable: typeof others === 'string' ? others : null,
    risks: plan.current().risks.map(({ id, title, impact, probability, mitigation, status }) => ({
      id,
      title,
      impact,
      probability,
      mitigated: mitigation !== null,
      open: status === 'open'
    })),
    milestones: milestones.map(({ id, title, state, reasons }) => ({
      id,
      title,
      state,
      text: reasons[0]?.text ?? state
    })),
    dependencies,
    evidence: evidence.filter((each) =>
      policy.evidence.some(({ kind, name: of }) => kind === each.kind && of === each.name)
    )
  }
}

const longestOf = ({ evidence }: GatePolicy): number => Math.max(0, ...evidence.map(({ keepsMs }) => keepsMs))

const objectivesOf = async ({ slo }: Rooms, service: string): Promise<ObjectiveFact[]> => {
  const objectives = await slo.objectives(service, { explain: false })
  return objectives.map(({ name, state, reasons, budget, total, window, freshAt }) => ({
    name,
    state,
    reasons,
    remainingRatio: budget.remainingRatio,
    total,
    window: window.name,
    freshAt
  }))
}

const alertsOf = async ({ slo, database }: Rooms, service: string): Promise<AlertsFact> => {
  const { lastRunMs } = slo.evaluator
  if (lastRunMs === null) return { pages: null, lookedAt: null }
  const pages = await openPages(database.db, service)
  return {
    pages: pages.map(({ id, title, openedAt }) => ({ id, title, openedAt })),
    lookedAt: new Date(lastRunMs).toISOString()
  }
}

/** Whether a run or line is of a version: by its release, or by the commit it was made at. */
const isOf = ({ release, commit }: Pick<LoadRun, 'release' | 'commit'>, version: string): boolean =>
  release === version || (commit !== null && /^[0-9a-f]{7,40}$/.test(version) && commit.startsWith(version))

/** The newest run of a version that began by a time. */
export const factsOfRuns = async (
  store: Rooms['load']['store'],
  service: string,
  version: string,
  byMs: number
): Promise<RunFact | null> => {
  const after = { openedMs: byMs + 1, id: '' }
  const [named] = await store.runs({ service, release: version, limit: 1, after })
  const run =
    named ?? (await store.runs({ service, limit: lookedThrough, after })).find((each) => isOf(each, version)) ?? null
  if (!run) return null
  const { id, state, reasons, startedAt, partial, total, achievedPerS } = run
  return { id, state, reasons, startedAt, partial, total, achievedPerS, p95Ms: run.latencyMs.p95 }
}

/** The newest load line of a version that was measured by a time, and what it is compared with. */
export const factsOfLines = async (
  store: Rooms['load']['store'],
  service: string,
  version: string,
  { loadLineReference }: GatePolicy,
  byMs: number
): Promise<Pick<GateFacts, 'line' | 'reference'>> => {
  const lines = (await store.lines(service, lookedThrough)).filter(({ measuredAt }) => Date.parse(measuredAt) <= byMs)
  const pinned = loadLineReference === null ? null : await store.lineById(service, loadLineReference)
  return {
    line: newestLine(lines, (line) => isOf(line, version)),
    reference:
      loadLineReference === null ? newestLine(lines, (line) => !isOf(line, version)) : pinned && lineFact(pinned)
  }
}

const newestLine = (lines: readonly LoadLine[], isWanted: (line: LoadLine) => boolean): LineFact | null => {
  for (const line of lines) {
    const fact = isWanted(line) && lineFact(line)
    if (fact) return fact
  }
  return null
}

/** Null: the search found no line, or was ended early. */
const lineFact = (line: LoadLine): LineFact | null => {
  const { id, release, measuredAt, ratePerS, estimatePerS, intervalPerS, machine, partial } = line
  if (partial || ratePerS === null || estimatePerS === null || intervalPerS === null) return null
  return { id, release, measuredAt, ratePerS, estimatePerS, intervalPerS, fingerprint: machine?.fingerprint ?? null }
}

/** Well now: a service whose budget is gone but which answers well again is no reason to wait. */
const dependencyOf = async (rooms: Rooms, name: string): Promise<DependencyFact> => {
  const { slo, clock, plan } = rooms
  if (name.includes(':')) {
    const { state, reasons } = await runHttpCheck(
      answers(name),
      { clock },
      AbortSignal.timeout(2 * dependencyTimeoutMs)
    )
    return { name, state, text: reasons[0]?.text ?? state }
  }
  if (!plan.current().services.some((service) => service.name === name)) {
    return { name, state: 'could_not_measure', text: `${name} is not in the plan` }
  }
  const { pages } = await alertsOf(rooms, name)
  if (pages?.[0]) return { name, state: 'fail', text: `${name} pages: ${pages[0].title}` }
  const { state, reasons } = slo.stateOf(name)
  if (state !== 'fail') return { name, state, text: reasons[0]?.text ?? `${name} keeps its promise` }
  return { name, state: 'warn', text: `${name} has overspent its budget, and nobody is paged about it now` }
}

const answers = (url: string): HttpCheck => ({
  kind: 'http',
  key: url,
  title: url,
  everyMs: 0,
  evidenceMs: 0,
  url,
  method: 'GET',
  timeoutMs: dependencyTimeoutMs,
  expect: { status: [{ from: 200, to: 299 }], body: null }
})
