/** The way back: a resolved plan as a document that says everything and resolves to the same plan. */
import { writeDuration, writeInstant, writePercent } from '../quantities.rules.ts'
import type {
  BodyMatch,
  HttpExpectation,
  MaintenanceBand,
  ProbeSignal,
  RequestFilter,
  ResolvedCheck,
  ResolvedMilestone,
  ResolvedPlan,
  ResolvedReceiver,
  ResolvedService,
  ResolvedSignal
} from '../model.ts'
import type { ResolvedObjective, ResolvedWindow } from '../objective.ts'
import { toGate } from './gate.rules.ts'
import { toRelease } from './release.rules.ts'
import { planFormat, type PlanDocument } from '../schema/plan.ts'

type Entry<Name extends keyof PlanDocument> = NonNullable<PlanDocument[Name]> extends readonly (infer E)[] ? E : never
type ServiceEntry = Entry<'services'>

export const toDocument = (plan: ResolvedPlan): PlanDocument => ({
  plan: planFormat,
  ...(plan.title !== null && { title: plan.title }),
  services: plan.services.map(toService),
  maintenance: plan.maintenance.map(toBand),
  risks: plan.risks.map(({ mitigation, ...risk }) => ({ ...risk, ...(mitigation !== null && { mitigation }) })),
  milestones: plan.milestones.map(toMilestone),
  receivers: plan.receivers.map(toReceiver)
})

export const toBand = ({ service, fromMs, toMs, reason }: MaintenanceBand) => ({
  ...(service !== null && { service }),
  from: writeInstant(fromMs),
  to: writeInstant(toMs),
  reason
})

export const toMilestone = ({
  description,
  reviewer,
  due,
  acceptance,
  ...milestone
}: ResolvedMilestone): Entry<'milestones'> => ({
  ...milestone,
  ...(description !== null && { description }),
  ...(reviewer !== null && { reviewer }),
  ...(due !== null && { due }),
  acceptance: acceptance.map(toCheck)
})

export const toService = (service: ResolvedService): ServiceEntry => ({
  name: service.name,
  title: service.title,
  ...(service.description !== null && { description: service.description }),
  ...(service.owner !== null && { owner: service.owner }),
  signals: service.signals.map(toSignal),
  objectives: service.objectives.map(toObjective),
  routes: { groups: [...service.routes.groups], cap: service.routes.cap },
  ...(service.load && {
    load: {
      url: service.load.url,
      requests: service.load.requests.map(({ body, ...request }) => ({ ...request, ...(body !== null && { body }) })),
      headers: { ...service.load.headers },
      secretHeaders: { ...service.load.secretHeaders },
      timeout: writeDuration(service.load.timeoutMs),
      maxRate: service.load.maxRatePerS
    }
  }),
  gate: toGate(service.gate),
  ...(service.release && { release: toRelease(service.release) })
})

export function toSignal(signal: ResolvedSignal): NonNullable<ServiceEntry['signals']>[number] {
  const named = signal.name === null ? {} : { name: signal.name }
  switch (signal.kind) {
    case 'caddyLog': {
      const { file, startAt, releaseHeader } = signal
      return { ...named, caddyLog: { file, ...toFilter(signal.filter), startAt, releaseHeader } }
    }
    case 'caddyLogTcp': {
      const { host, port } = signal.listen
      const listen = `${host.includes(':') ? `[${host}]` : host}:${port}`
      return { ...named, caddyLogTcp: { listen, ...toFilter(signal.filter), releaseHeader: signal.releaseHeader } }
    }
    case 'probe':
      return { ...named, probe: toProbe(signal) }
    case 'push':
      return { ...named, push: {} }
    case 'self':
      return { ...named, self: toFilter(signal.filter) }
  }
}

/** An empty list means "all", and is left out, for a list in a plan is never empty. */
const some = <Key extends string, T>(key: Key, values: readonly T[]): { [K in Key]?: T[] } =>
  values.length === 0 ? {} : ({ [key]: [...values] } as { [K in Key]?: T[] })

const toFilter = ({ hosts, paths, methods, exclude }: RequestFilter) => ({
  ...some('host', hosts),
  ...some('path', paths),
  ...some('methods', methods),
  ...(exclude.paths.length + exclude.methods.length > 0 && {
    exclude: { ...some('paths', exclude.paths), ...some('methods', exclude.methods) }
  })
})

const families = { any: 'any', 4: 'ipv4', 6: 'ipv6' } as const

const toProbe = (probe: ProbeSignal) => ({
  url: probe.url,
  every: writeDuration(probe.everyMs),
  timeout: writeDuration(probe.timeoutMs),
  method: probe.method,
  headers: { ...probe.headers },
  secretHeaders: { ...probe.secretHeaders },
  ...(probe.body !== null && { body: probe.body }),
  expect: toExpectation(probe.expect),
  tls: { verify: probe.tls.verify, expiryWarning: writeDuration(probe.tls.expiryWarningMs) },
  redirects: probe.maxRedirects,
  family: families[probe.family]
})

const toExpectation = ({ status, body }: HttpExpectation) => ({
  status: status.map(({ from, to }) => (from === to ? from : `${from}-${to}`)),
  ...(body !== null && { body: toBody(body) })
})

const toBody = (body: BodyMatch) => (body.kind === 'contains' ? { contains: body.text } : { matches: body.pattern })

export const toObjective = (objective: ResolvedObjective): NonNullable<ServiceEntry['objectives']>[number] => ({
  name: objective.name,
  title: objective.title,
  ...(objective.description !== null && { description: objective.description }),
  indicator: objective.indicator,
  ...(objective.path !== null && { path: objective.path }),
  ...(objective.thresholdMs !== null && { threshold: writeDuration(objective.thresholdMs) }),
  target: writePercent(objective.targetRatio),
  window: toWindow(objective.window),
  class: [...objective.classes],
  from: objective.origin,
  budgeting:
    objective.budgeting.kind === 'requests'
      ? 'requests'
      : {
          timeSlices: {
            every: writeDuration(objective.budgeting.sliceMs),
            target: writePercent(objective.budgeting.sliceTargetRatio)
          }
        }
})

const toWindow = (window: ResolvedWindow) =>
  window.kind === 'rolling' ? writeDuration(window.durationMs) : { calendar: window.unit, timeZone: window.timeZone }

function toCheck(check: ResolvedCheck): NonNullable<Entry<'milestones'>['acceptance']>[number] {
  const shared = { title: check.title, every: writeDuration(check.everyMs), evidence: writeDuration(check.evidenceMs) }
  switch (check.kind) {
    case 'http': {
      const { url, method, expect, timeoutMs } = check
      return { ...shared, http: { url, method, ...toExpectation(expect), timeout: writeDuration(timeoutMs) } }
    }
    case 'objective':
      return { ...shared, objective: { service: check.service, objective: check.objective, state: [...check.states] } }
    case 'file':
      return { ...shared, file: { path: check.path } }
    case 'command':
      return { ...shared, command: { run: [...check.run], timeout: writeDuration(check.timeoutMs) } }
  }
}

export const toReceiver = (receiver: ResolvedReceiver): Entry<'receivers'> => ({
  name: receiver.name,
  webhook: {
    ...(receiver.webhook.url !== null && { url: receiver.webhook.url }),
    ...(receiver.webhook.urlSecret !== null && { urlSecret: receiver.webhook.urlSecret }),
    headers: { ...receiver.webhook.headers },
    secretHeaders: { ...receiver.webhook.secretHeaders },
    ...(receiver.webhook.signingSecret !== null && { signingSecret: receiver.webhook.signingSecret }),
    timeout: writeDuration(receiver.webhook.timeoutMs)
  },
  severities: [...receiver.severities],
  ...(receiver.services && { services: [...receiver.services] }),
  sendResolved: receiver.sendResolved
})
