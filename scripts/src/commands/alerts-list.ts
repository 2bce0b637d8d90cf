import type { Alert } from '../../../api/src/contract/alerts.ts'
import { command } from '../cli/command.ts'
import { wrongUsage } from '../cli/failure.ts'
import { table } from '../cli/table.rules.ts'

export const alertsList = command({
  noun: 'alerts',
  verb: 'list',
  summary: 'open and past alerts, newest first, with their reason',
  options: {
    open: { type: 'boolean', description: 'only open ones' },
    service: { type: 'string', value: 'NAME', description: 'only of this service' },
    limit: { type: 'string', value: 'N', description: 'at most this many, 1 to 500 (50)' },
    cursor: { type: 'string', value: 'CURSOR', description: 'the next page, as the page before said' }
  },
  examples: ['plimsoll alerts list --open', 'plimsoll alerts list --service shop-api --json'],
  exits: { 0: 'listed; with --open: none is open', 1: 'with --open: at least one is open' },
  async run({ options }, { call, output, signal }) {
    const limit = Number(options.limit ?? 50)
    if (!Number.isInteger(limit) || limit < 1 || limit > 500) {
      throw wrongUsage(`--limit ${options.limit} is not a number from 1 to 500`, '--limit 50')
    }
    const reply = await call('GET /api/v1/alerts', {
      query: {
        limit,
        ...(options.open && { state: 'open' as const }),
        ...(options.service && { service: options.service }),
        ...(options.cursor && { cursor: options.cursor })
      },
      signal
    })
    const lines = table(reply.alerts, [
      { title: 'OPENED', cell: (a) => a.openedAt },
      { title: 'STATE', cell: (a) => (a.state === 'open' ? output.tone('bad', 'open') : 'resolved') },
      { title: 'SEVERITY', cell: (a) => a.severity },
      { title: 'SERVICE', cell: (a) => a.service },
      { title: 'TITLE', cell: (a) => a.title },
      { title: 'WHY', cell: why }
    ])
    output.result(reply, lines.length > 0 ? lines : [options.open ? 'No alert is open.' : 'No alert so far.'])
    if (reply.nextCursor) output.note(`more: --cursor ${reply.nextCursor}`)
    return options.open && reply.alerts.length > 0 ? 1 : 0
  }
})

const why = (alert: Alert): string => alert.reasons[0]?.text ?? ''
