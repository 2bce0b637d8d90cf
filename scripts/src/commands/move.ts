import { command } from '../cli/command.ts'
import { count } from '../cli/format.rules.ts'
import { withSettings } from '../cli/settings.ts'
import { table } from '../cli/table.rules.ts'

export const move = command({
  noun: 'move',
  verb: null,
  summary: 'copy an SQLite store into an empty PostgreSQL database, exactly; Plimsoll must be stopped',
  options: {
    from: { type: 'string', value: 'URL', description: 'sqlite:PATH; unless given, the store below DATA_DIR' },
    to: {
      type: 'string',
      value: 'URL',
      description: 'postgres://USER:PASSWORD@HOST:PORT/DATABASE (better in DATABASE_URL: arguments are seen by others)'
    }
  },
  examples: [
    'plimsoll move --from sqlite:data/plimsoll.sqlite --to postgres://plimsoll@db.example/plimsoll',
    'DATABASE_URL=postgres://… plimsoll move'
  ],
  exits: { 0: 'every row is there and reads back as it was', 2: 'nothing was moved, the message says why' },
  async run({ options }, context) {
    const { output } = context
    const { moveStore } = await import('../../../api/src/platform/database/move.ts')
    return withSettings(context, async ({ DATA_DIR: dataDir, DATABASE_URL: url }) => {
      const report = await moveStore({
        from: options.from ?? `sqlite:${dataDir}/plimsoll.sqlite`,
        to: options.to ?? url,
        dataDir,
        nowMs: Date.now(),
        onTable: ({ name, rows }) => output.progress(`${name}: ${count(rows)} rows`)
      })
      output.result(report, [
        ...table(report.tables, [
          { title: 'TABLE', cell: ({ name }) => name },
          { title: 'ROWS', right: true, cell: ({ rows }) => count(rows) },
          { title: 'SHA-256', cell: ({ sha256 }) => sha256.slice(0, 16) }
        ]),
        `${report.from} is in ${report.to} now, schema ${report.schemaVersion}; the file is as it was`,
        'Start Plimsoll with DATABASE_URL set to it, and with the same DATA_DIR.'
      ])
      return 0
    })
  }
})
