import { command } from '../cli/command.ts'
import { count } from '../cli/format.rules.ts'
import { table } from '../cli/table.rules.ts'

export const servicesList = command({
  noun: 'services',
  verb: 'list',
  summary: 'the services of the plan, with their owners and sources',
  options: {},
  examples: ['plimsoll services list', 'plimsoll services list --json | jq -r .services[].name'],
  exits: { 0: 'listed' },
  async run(_, { call, output, signal }) {
    const reply = await call('GET /api/v1/services', { signal })
    const lines = table(reply.services, [
      { title: 'SERVICE', cell: (s) => s.name },
      { title: 'TITLE', cell: (s) => s.title },
      { title: 'OWNER', cell: (s) => s.owner ?? '–' },
      { title: 'OBJECTIVES', right: true, cell: (s) => count(s.objectives.length) },
      {
        title: 'SOURCES',
        cell: ({ signals }) =>
          Object.entries(signals)
            .filter(([, n]) => n > 0)
            .map(([health, n]) => `${n} ${health}`)
            .join(', ') || 'none'
      }
    ])
    output.result(reply, lines.length > 0 ? lines : ['The plan names no service yet.'])
    return 0
  }
})
