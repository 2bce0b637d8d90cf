import { resolve } from 'node:path'
import type { GatePolicy, ResolvedCheck, ResolvedPlan, ResolvedSignal } from './model.ts'

export interface Location {
  /** Directory of the plan file: what relative paths of logs begin at. */
  readonly directory: string
  /** Where this instance answers, without a trailing slash: `http://127.0.0.1:3000`. */
  readonly ownUrl: string
}

/** A plan with whole paths and URLs, as this instance uses it: `self:/healthz` becomes its own address. */
export const locatePlan = (plan: ResolvedPlan, location: Location): ResolvedPlan => ({
  ...plan,
  services: plan.services.map((service) => ({
    ...service,
    signals: service.signals.map((signal) => locateSignal(signal, location)),
    load: service.load && { ...service.load, url: locateUrl(service.load.url, location) },
    gate: {
      ...locatePolicy(service.gate, location),
      environments: Object.fromEntries(
        Object.entries(service.gate.environments).map(([name, policy]) => [name, locatePolicy(policy, location)])
      )
    }
  })),
  milestones: plan.milestones.map((milestone) => ({
    ...milestone,
    acceptance: milestone.acceptance.map((check): ResolvedCheck =>
      check.kind === 'http' ? { ...check, url: locateUrl(check.url, location) } : check
    )
  })),
  receivers: plan.receivers.map((receiver) => {
    const { url } = receiver.webhook
    return { ...receiver, webhook: { ...receiver.webhook, url: url && locateUrl(url, location) } }
  })
})

const locatePolicy = <P extends GatePolicy>(policy: P, location: Location): P => ({
  ...policy,
  dependencies: policy.dependencies.map((dependency) => locateUrl(dependency, location))
})

function locateSignal(signal: ResolvedSignal, location: Location): ResolvedSignal {
  if (signal.kind === 'probe') return { ...signal, url: locateUrl(signal.url, location) }
  return signal.kind === 'caddyLog' ? { ...signal, file: resolve(location.directory, signal.file) } : signal
}

const locateUrl = (url: string, { ownUrl }: Location): string => (url.startsWith('self:') ? ownUrl + url.slice(5) : url)

/** Own address by the address listened on: any of all addresses is reached by loopback. */
export function ownUrlOf(host: string, port: number): string {
  const reachable = host === '0.0.0.0' || host === '' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}
