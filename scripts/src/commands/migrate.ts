import { command } from '../cli/command.ts'

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
  async run(_, { output, env }) {
    const { loadSettings } = await import('../../../api/src/platform/settings.ts')
    const { takeLocks } = await import('../../../api/src/platform/data-dir.ts')
    const { describeUrl, isPostgres, migrateStore } = await import('../../../api/src/platform/database/open.ts')
    const { DATA_DIR: dataDir, DATABASE_URL: url } = await loadSettings(env)
    const release = isPostgres(url) ? () => {} : takeLocks(dataDir, url)
    try {
      const { from, to } = await migrateStore(url, { nowMs: Date.now() })
      const store = describeUrl(url)
      output.result({ store, from, to }, [
        from === to ? `${store} has schema ${to}: nothing to do` : `${store}: schema ${from} → ${to}`
      ])
      return 0
    } finally {
      release()
    }
  }
})
