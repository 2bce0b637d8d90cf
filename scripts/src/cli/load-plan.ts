import { readFile } from 'node:fs/promises'
import type { LoadSubject } from '../../../api/src/load/run/load.ts'
import type { Context } from './command.ts'
import { wrongUsage } from './failure.ts'

/** What a plan says of the load test of one of its services. */
export interface PlannedLoad extends LoadSubject {
  /** Never more arrivals than this, per second. */
  readonly maxRatePerS: number
}

/** The load test that the plan file (PLAN_FILE, else ./plan.yaml) describes for a service. */
export async function plannedLoad(
  name: string,
  { release, classKey }: { readonly release: string | null; readonly classKey: string },
  { env }: Pick<Context, 'env'>
): Promise<PlannedLoad> {
  const file = env['PLAN_FILE'] ?? 'plan.yaml'
  const neither = (why: string): Error =>
    wrongUsage(`${name} is no http or https URL, and ${why}`, 'for example http://127.0.0.1:3000/api/items')
  const bytes = await readFile(file).catch(() => {
    throw neither(`there is no plan at ${file}`)
  })
  const { parsePlan } = await import('../../../api/src/plan/parse.rules.ts')
  const { plan } = parsePlan(bytes)
  if (!plan) throw wrongUsage(`${file} has errors`, `plimsoll plan check ${file} shows them`)
  const service = plan.services.find((one) => one.name === name)
  if (!service) throw neither(`no service of ${file}`)
  const { load } = service
  if (!load) throw wrongUsage(`${file} names no target for ${name}`, 'load: { url: …, requests: [GET /] }')
  if (load.url.startsWith('self:')) throw wrongUsage(`${name} is loaded at its own address`, 'name the URL instead')
  const { subjectOfPlan } = await import('../../../api/src/load/subject.rules.ts')
  const subject = subjectOfPlan(service, load, { classKey, secrets: env, release })
  return { ...subject, maxRatePerS: load.maxRatePerS }
}
