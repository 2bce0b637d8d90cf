import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { accessText } from './platform/access/words.rules.ts'
import { describeUrl } from './platform/database/open.ts'
import type { PlanStatus } from './contract/index.ts'
import type { PlanInForce } from './plan/service.ts'

/** What a person wants to know at the start: where it is, what it watches, on what it stands. */
export function banner(app: FastifyInstance, address: string): string {
  const { settings, instance, database, plan } = app
  const status = plan.status()
  const rows: [string, string][] = [
    ...watched(plan.current()).map((text, i): [string, string] => [i === 0 ? 'watches' : '', text]),
    ['plan', describePlan(status)],
    ...(status.refused ? [['', describeRefusal(status.refused)] as [string, string]] : []),
    ['store', `${database.dialect} ${describeUrl(settings.DATABASE_URL)}`],
    ['page', existsSync(join(settings.WEB_ROOT, '200.html')) ? address : 'not built: make build'],
    ['access', accessText(settings)]
  ]
  const text = rows.map(([name, value]) => `  ${name.padEnd(9)}${value}`)
  return `\nPlimsoll ${instance.version} runs at ${address}\n\n${text.join('\n')}\n\n  Ctrl-C ends it.\n\n`
}

const mostShown = 10

const watched = ({ services }: PlanInForce): string[] => {
  const shown = services
    .slice(0, mostShown)
    .map(({ name, signals }) => `${name} (${signals.map(({ kind }) => kind).join(', ') || 'no signal'})`)
  const more = services.length - shown.length
  return more > 0 ? [...shown, `and ${more} more`] : shown
}

const describePlan = ({ file, revision, source }: PlanStatus): string => {
  if (revision === 0) return 'none yet: Plimsoll watches itself'
  return `revision ${revision}, ${file && source === 'file' ? file : `applied by ${source}`}`
}

const describeRefusal = ({ source, faults }: NonNullable<PlanStatus['refused']>): string => {
  const [first] = faults
  const where = first?.line === undefined ? '' : ` line ${first.line}:`
  return `${source} is refused, the plan before it stays:${where} ${first?.text ?? 'it cannot be read'}`
}
