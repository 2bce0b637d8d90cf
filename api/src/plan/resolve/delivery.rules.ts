import { hash } from 'node:crypto'
import type { Static } from 'typebox'
import { statusText } from '../match.rules.ts'
import type { MaintenanceBand, ResolvedCheck, ResolvedMilestone, ResolvedReceiver, ResolvedRisk } from '../model.ts'
import type { CheckEntry, MaintenanceEntry, MilestoneEntry, ReceiverEntry, RiskEntry } from '../schema/delivery.ts'
import { expectationOf } from './signals.rules.ts'
import { durationMs, instantMs, listOf } from './values.rules.ts'

const dayMs = 86_400_000

export function resolveBands(entry: Static<typeof MaintenanceEntry>): MaintenanceBand[] {
  const services = entry.service === undefined ? [null] : listOf<string>(entry.service)
  const band = { fromMs: instantMs(entry.from), toMs: instantMs(entry.to), reason: entry.reason }
  return services.map((service) => ({ service, ...band }))
}

export const resolveRisk = ({ mitigation, status = 'open', ...risk }: Static<typeof RiskEntry>): ResolvedRisk => ({
  ...risk,
  mitigation: mitigation ?? null,
  status
})

export const resolveMilestone = (
  entry: Static<typeof MilestoneEntry>,
  evidence: string | undefined
): ResolvedMilestone => ({
  id: entry.id,
  title: entry.title,
  description: entry.description ?? null,
  owner: entry.owner,
  reviewer: entry.reviewer ?? null,
  due: entry.due ?? null,
  acceptance: (entry.acceptance ?? []).map((check) => resolveCheck(check, evidence))
})

function resolveCheck(entry: CheckEntry, evidence: string | undefined): ResolvedCheck {
  const { title, ...check } = definitionOf(entry)
  const everyMs = durationMs(entry.every ?? '5m')
  const given = entry.evidence ?? evidence
  return {
    key: hash('sha256', JSON.stringify(check)).slice(0, 16),
    title: entry.title ?? title,
    everyMs,
    evidenceMs: given === undefined ? Math.max(dayMs, 3 * everyMs) : durationMs(given),
    ...check
  }
}

type Definition<C> = C extends ResolvedCheck ? Omit<C, 'key' | 'everyMs' | 'evidenceMs'> : never

/** What is checked, and in which words; keys in a fixed order, for they are hashed. */
function definitionOf({ http, status, body, objective, file, command = [] }: CheckEntry): Definition<ResolvedCheck> {
  if (http !== undefined) {
    const {
      url,
      method = 'GET',
      timeout = '10s',
      ...given
    } = typeof http === 'string' ? { url: http, status, body } : http
    const expect = expectationOf(given.status, given.body)
    const title = `${method === 'GET' ? '' : `${method} `}${url} answers ${statusText(expect)}`
    return { kind: 'http', title, url, method, timeoutMs: durationMs(timeout), expect }
  }
  if (objective !== undefined) {
    const [service = '', name = ''] =
      typeof objective === 'string' ? objective.split('/') : [objective.service, objective.objective]
    const states = typeof objective === 'string' ? [] : listOf(objective.state)
    const accepted = states.length === 0 ? (['pass'] as const) : [...new Set(states)]
    return {
      kind: 'objective',
      title: `${service}/${name} is ${accepted.join(' or ')}`,
      service,
      objective: name,
      states: accepted
    }
  }
  if (file !== undefined) {
    const path = typeof file === 'string' ? file : file.path
    return { kind: 'file', title: `${path} exists`, path }
  }
  const { run, timeout = '10s' } = Array.isArray(command) ? { run: command } : command
  return { kind: 'command', title: `${run.join(' ')} ends with 0`, run, timeoutMs: durationMs(timeout) }
}

export function resolveReceiver(entry: Static<typeof ReceiverEntry>): ResolvedReceiver {
  const webhook = typeof entry.webhook === 'string' ? { url: entry.webhook } : entry.webhook
  return {
    name: entry.name,
    webhook: {
      url: webhook.url ?? null,
      urlSecret: webhook.urlSecret ?? null,
      headers: { ...webhook.headers },
      secretHeaders: { ...webhook.secretHeaders },
      signingSecret: webhook.signingSecret ?? null,
      timeoutMs: durationMs(webhook.timeout ?? '10s')
    },
    severities: [...new Set(entry.severities ?? (['page', 'ticket'] as const))],
    services: entry.services ? [...new Set(entry.services)] : null,
    sendResolved: entry.sendResolved ?? true
  }
}
