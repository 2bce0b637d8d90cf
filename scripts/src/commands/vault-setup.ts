import { readdirSync, readFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { command, type Context } from '../cli/command.ts'
import { wrongUsage } from '../cli/failure.ts'
import { table } from '../cli/table.rules.ts'
import { makeFirstSecret, setUp, type Step } from '../vault/setup.ts'
import { wishesOf, type DatabaseOptions, type SetupOptions } from '../vault/wishes.rules.ts'

const policyDir = resolve(import.meta.dirname, '../../../vault/policies')

const options = {
  apply: { type: 'boolean', description: 'make it so; without this, only what would be done is shown' },
  'nomad-address': {
    type: 'string',
    value: 'URL',
    description: 'Nomad whose jobs log in: https://nomad.service.consul:4646'
  },
  'nomad-ca': { type: 'string', value: 'FILE', description: 'CA certificate of that Nomad, PEM' },
  'nomad-namespace': { type: 'string', value: 'NAME', description: 'namespace the jobs run in (default)' },
  approle: { type: 'boolean', description: 'a login by role id and secret id, for machines without Nomad' },
  database: {
    type: 'string',
    value: 'HOST:PORT/NAME',
    description: 'PostgreSQL in which Vault makes users (PGUSER, PGPASSWORD may make roles)'
  },
  'database-owner': { type: 'string', value: 'ROLE', description: 'role that owns the tables (plimsoll)' },
  'kv-mount': { type: 'string', value: 'MOUNT', description: 'where the KV engine, version 2, is mounted (secret)' }
} as const

export const vaultSetup = command({
  noun: 'vault',
  verb: 'setup',
  summary:
    'policies, roles, engines and the first secret in Vault or OpenBao (VAULT_ADDR, VAULT_TOKEN of an administrator)',
  options,
  examples: [
    'plimsoll vault setup --nomad-address https://nomad.service.consul:4646 --nomad-ca nomad-ca.pem',
    'plimsoll vault setup --approle --database db.example:5432/plimsoll --apply'
  ],
  exits: { 0: 'everything is there', 1: 'something else is in the way', 3: 'this is what --apply would do' },
  async run({ options: given }, context) {
    const setup: SetupOptions = {
      kvMount: given['kv-mount'] ?? 'secret',
      nomadNamespace: given['nomad-namespace'] ?? 'default',
      jwksUrl: given['nomad-address'] === undefined ? null : jwksOf(given['nomad-address']),
      jwksCa: given['nomad-ca'] === undefined ? null : readFileSync(given['nomad-ca'], 'utf8'),
      approle: given.approle,
      database:
        given.database === undefined
          ? null
          : databaseOf(given.database, given['database-owner'] ?? 'plimsoll', context.env)
    }
    const { apply } = given
    const admin = await adminOf(context)
    try {
      const steps = await setUp(admin, wishesOf(setup, policies()), { apply })
      if (!steps.some(({ state }) => state === 'refused')) {
        const path = `${setup.kvMount}/data/${setup.nomadNamespace}/plimsoll-api/settings`
        steps.push(await makeFirstSecret(admin, path, { apply }))
      }
      context.output.result({ applied: apply, steps }, describe(steps, apply))
      if (steps.some(({ state }) => state === 'refused')) return 1
      return steps.every(({ state, done }) => state === 'there' || done) ? 0 : 3
    } finally {
      await admin.close()
    }
  }
})

const adminOf = async ({ env }: Context) => {
  const { openVaultAdmin } = await import('../../../api/src/platform/vault/admin.ts')
  const { VAULT_ADDR: address, VAULT_TOKEN: token, VAULT_NAMESPACE: namespace = '', VAULT_CACERT: caFile } = env
  if (!address) throw wrongUsage('VAULT_ADDR is not set', 'export VAULT_ADDR=https://vault.example:8200')
  if (!token)
    throw wrongUsage(
      'VAULT_TOKEN is not set',
      'log in as an administrator: export VAULT_TOKEN=$(vault login -token-only …)'
    )
  return openVaultAdmin({
    address: address.replace(/\/$/, ''),
    token,
    namespace,
    ca: caFile ? readFileSync(caFile, 'utf8') : null,
    timeoutMs: 10_000
  })
}

const policies = () =>
  Object.fromEntries(
    readdirSync(policyDir)
      .filter((file) => file.endsWith('.hcl'))
      .toSorted()
      .map((file) => [basename(file, '.hcl'), readFileSync(join(policyDir, file), 'utf8')])
  )

const jwksOf = (address: string): string => {
  if (!URL.canParse(address))
    throw wrongUsage(`--nomad-address ${address} is no address`, 'for example https://nomad.service.consul:4646')
  return new URL('/.well-known/jwks.json', address).href
}

const databaseOf = (address: string, owner: string, env: Context['env']): DatabaseOptions => {
  const { PGUSER: user, PGPASSWORD: password } = env
  if (!user || !password) {
    throw wrongUsage(
      'PGUSER or PGPASSWORD is not set',
      'they are the login by which Vault makes users: a role with CREATEROLE'
    )
  }
  if (!/^[^\s/@]+(:\d+)?\/[^\s/@]+$/.test(address)) {
    throw wrongUsage(`--database ${address} is no address`, 'for example db.example:5432/plimsoll?sslmode=verify-full')
  }
  if (!/^[a-z_][a-z0-9_]*$/.test(owner))
    throw wrongUsage(`--database-owner ${owner} is no name of a role`, 'for example plimsoll')
  return { address, user, password, owner }
}

const signs = { there: '=', missing: '+', different: '~', refused: '!' } as const

const describe = (steps: readonly Step[], apply: boolean): string[] => [
  ...table(steps, [
    { title: '', cell: ({ state }) => signs[state] },
    { title: 'WHAT', cell: ({ what }) => what },
    { title: 'PATH', cell: ({ path }) => path },
    { title: 'STATE', cell: ({ state, done }) => (done ? (state === 'missing' ? 'made' : 'changed') : state) },
    { title: 'DETAIL', cell: ({ detail }) => detail }
  ]),
  sentence(steps, apply)
]

const sentence = (steps: readonly Step[], apply: boolean): string => {
  if (steps.some(({ state }) => state === 'refused'))
    return 'Something else is in the way; what stands after it was not looked at.'
  const due = steps.filter(({ state }) => state !== 'there').length
  if (due === 0) return 'Everything is there.'
  return apply ? `${due} made or changed.` : `${due} to make or change: run it again with --apply.`
}
