import type { ResolvedLoad, ResolvedPlan, ResolvedService } from '../model.ts'
import type { PlanDocument } from '../schema/plan.ts'
import type { ServiceEntry } from '../schema/services.ts'
import { resolveBands, resolveMilestone, resolveReceiver, resolveRisk } from './delivery.rules.ts'
import { resolveGate } from './gate.rules.ts'
import { resolveRelease } from './release.rules.ts'
import { resolveObjectives } from './objectives.rules.ts'
import { resolveSignals } from './signals.rules.ts'
import { durationMs } from './values.rules.ts'

type Defaults = NonNullable<PlanDocument['defaults']>

/** Expands the shorthand and fills the defaults of a document without errors. */
export function resolve(document: PlanDocument): ResolvedPlan {
  const { defaults = {}, services = [], maintenance = [], risks = [], milestones = [], receivers = [] } = document
  return {
    title: document.title ?? null,
    services: services.map((service) => resolveService(service, defaults)),
    maintenance: maintenance.flatMap(resolveBands),
    risks: risks.map(resolveRisk),
    milestones: milestones.map((milestone) => resolveMilestone(milestone, defaults.evidence)),
    receivers: receivers.map(resolveReceiver)
  }
}

const resolveService = (service: ServiceEntry, defaults: Defaults): ResolvedService => ({
  name: service.name,
  title: service.title ?? service.name,
  description: service.description ?? null,
  owner: service.owner ?? defaults.owner ?? null,
  signals: resolveSignals(service.signals ?? []),
  objectives: resolveObjectives(service, defaults),
  routes: { groups: service.routes?.groups ?? [], cap: service.routes?.cap ?? 100 },
  load: service.load ? resolveLoad(service.load) : null,
  gate: resolveGate({
    ...defaults.gate,
    ...service.gate,
    rules: { ...defaults.gate?.rules, ...service.gate?.rules },
    environments: { ...defaults.gate?.environments, ...service.gate?.environments }
  }),
  release: service.release ? resolveRelease(service.release) : null
})

const resolveLoad = (load: NonNullable<ServiceEntry['load']>): ResolvedLoad => ({
  url: load.url,
  requests: load.requests.map((request) => {
    if (typeof request !== 'string') {
      const { method = 'GET', path, weight = 1, body = null } = request
      return { method, path, weight, body }
    }
    const [method = 'GET', path = '/'] = request.split(' ')
    return { method, path, weight: 1, body: null }
  }),
  headers: { ...load.headers },
  secretHeaders: { ...load.secretHeaders },
  timeoutMs: durationMs(load.timeout ?? '10s'),
  maxRatePerS: load.maxRate ?? 1_000
})
