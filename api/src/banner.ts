import type { FastifyInstance } from 'fastify'
import { describeUrl } from './platform/database/open.ts'

/** What a person wants to know at the start, on a terminal. */
export function banner(app: FastifyInstance, address: string): string {
  const { settings, instance, database } = app
  const lines = {
    store: `${database.dialect} ${describeUrl(settings.DATABASE_URL)}`,
    access: settings.LOOPBACK_OPEN ? 'this machine' : 'nobody without a token'
  }
  const text = Object.entries(lines).map(([name, value]) => `  ${name.padEnd(9)}${value}`)
  return `\nPlimsoll ${instance.version} runs at ${address}\n\n${text.join('\n')}\n\n  Ctrl-C ends it.\n\n`
}
