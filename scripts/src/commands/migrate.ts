import { command } from '../cli/command.ts'
import { withSettings } from '../cli/settings.ts'

export const migrate = command({
  noun: 'migrate',
  verb: null,
  summary: 'bring the store (DATABASE_URL) to the schema of this version; on PostgreSQL while older instances serve',
  options: {},
  examples: ['plimsoll migrate', 'DATABASE_URL=postgres://… plimsoll migrate'],
  exits: {
    0: 'it has the schema of this version, or a newer one that this version works with',
    2: 'it was not changed'
  },
  async run(_, context) {
    const { takeLocks } = await import('../../../api/src/platform/data-dir.ts')
    const { describeUrl, isPostgres, migrateStore } = await import('../../../api/src/platform/database/open.ts')
    return withSettings(context, async ({ DATA_DIR: dataDir, DATABASE_URL: url }) => {
      const release = isPostgres(url) ? () => {} : takeLocks(dataDir, url)
      try {
        const { from, to } = await migrateStore(url, { nowMs: Date.now() })
        const store = describeUrl(url)
        context.output.result({ store, from, to }, [
          from === to ? `${store} has schema ${to}: nothing to do` : `${store}: schema ${from} → ${to}`
        ])
        return 0
      } finally {
        release()
      }
    })
  }
})
