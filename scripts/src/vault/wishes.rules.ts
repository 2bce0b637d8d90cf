/** What is to be in Vault at one path. */
export interface Wish {
  /** For people: `policy plimsoll-api`. */
  readonly what: string
  readonly path: string
  readonly body: Readonly<Record<string, unknown>>
  readonly method?: 'PUT'
  /** Where it is seen, when not at `path`. */
  readonly seenAt?: (found: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>> | null
  readonly readPath?: string
  /** Keys that are compared; default: all of `body`. What is only compared by being there is made once: []. */
  readonly compared?: readonly string[]
  /** Refuses what is there and cannot be changed into what is wanted. */
  readonly refuses?: (found: Readonly<Record<string, unknown>>) => string | null
}

/** What the operator says of this installation. */
export interface SetupOptions {
  readonly kvMount: string
  /** Namespace of Nomad in which the jobs run. */
  readonly nomadNamespace: string
  /** Where Nomad shows the keys that sign its identities; null: the jobs do not log in by them. */
  readonly jwksUrl: string | null
  /** CA certificate of that address, PEM. */
  readonly jwksCa: string | null
  /** A login by role id and secret id, for machines without Nomad. */
  readonly approle: boolean
  /** PostgreSQL in which Vault makes users; null: DATABASE_URL holds a login that lasts. */
  readonly database: DatabaseOptions | null
}

export interface DatabaseOptions {
  /** `HOST:PORT/DATABASE?sslmode=…` */
  readonly address: string
  /** Who may make roles there. */
  readonly user: string
  readonly password: string
  /** Role that owns the tables; every user is a member of it and acts as it. */
  readonly owner: string
}

/** Text of `vault/policies/NAME.hcl` by name. */
export type Policies = Readonly<Record<string, string>>

/** Jobs of `nomad/` by the role they log in with. The policy of `plimsoll` is `plimsoll-api`, the others' has their name. */
const jobs = [
  { role: 'plimsoll', job: 'plimsoll-api', policy: 'plimsoll-api' },
  { role: 'plimsoll-migrate', job: 'migrate', policy: 'plimsoll-migrate' },
  { role: 'plimsoll-perf', job: 'perf', policy: 'plimsoll-perf' },
  { role: 'plimsoll-backup', job: 'backup', policy: 'plimsoll-backup' }
] as const

/** A period of half an hour: a token lives on while its holder renews it, and half an hour after it is gone. */
const tokenPeriodS = 1_800

/** A user of the database lives an hour without renewal and a day with it. */
const databaseTtlS = 3_600
const databaseMaxTtlS = 86_400

/** Everything that is to be in Vault, in the order in which it can be made. */
export const wishesOf = (options: SetupOptions, policies: Policies): Wish[] => [
  mount({
    at: options.kvMount,
    type: 'kv',
    body: { type: 'kv', options: { version: '2' } },
    refuses: notVersion2(options.kvMount)
  }),
  mount({ at: 'transit', type: 'transit', body: { type: 'transit' } }),
  {
    what: 'key that signs verdicts',
    path: 'transit/keys/plimsoll-verdicts',
    body: { type: 'ed25519' },
    refuses: ({ type }) =>
      type === 'ed25519' ? null : `it is of type ${String(type)}; move it away, a key cannot change its type`
  },
  ...Object.entries(policies).map(([name, text]) => ({
    what: `policy ${name}`,
    path: `sys/policies/acl/${name}`,
    method: 'PUT' as const,
    body: { policy: placed(text, options) }
  })),
  ...(options.jwksUrl === null ? [] : ofNomad(options, options.jwksUrl)),
  ...(options.approle ? ofAppRole() : []),
  ...(options.database ? ofDatabase(options.database) : [])
]

/** The files of `vault/policies` are written for the usual places. */
const placed = (policy: string, { kvMount, nomadNamespace }: SetupOptions): string =>
  policy.replaceAll('"secret/data/default/', `"${kvMount}/data/${nomadNamespace}/`)

const mount = ({
  at,
  type,
  body,
  refuses = () => null
}: {
  at: string
  type: string
  body: Readonly<Record<string, unknown>>
  refuses?: NonNullable<Wish['refuses']>
}): Wish => ({
  what: `engine ${type}`,
  path: `sys/mounts/${at}`,
  body,
  readPath: 'sys/mounts',
  seenAt: (found) => entryOf(found, at),
  compared: ['type'],
  refuses: (found) => (found['type'] === type ? refuses(found) : `there is an engine of type ${String(found['type'])}`)
})

const notVersion2 =
  (at: string) =>
  (found: Readonly<Record<string, unknown>>): string | null =>
    (found['options'] as { version?: unknown } | null)?.version === '2'
      ? null
      : `it is version 1 and keeps no versions; use another --kv-mount than ${at}, or vault kv enable-versioning`

const login = (type: string, at: string): Wish => ({
  what: `login ${type}`,
  path: `sys/auth/${at}`,
  body: { type },
  readPath: 'sys/auth',
  seenAt: (found) => entryOf(found, at),
  refuses: (found) => (found['type'] === type ? null : `there is a login of type ${String(found['type'])}`)
})

const entryOf = (found: Readonly<Record<string, unknown>>, at: string) =>
  (found[`${at}/`] ?? null) as Readonly<Record<string, unknown>> | null

const ofNomad = ({ nomadNamespace, jwksCa }: SetupOptions, jwksUrl: string): Wish[] => [
  login('jwt', 'jwt-nomad'),
  {
    what: 'keys of Nomad',
    path: 'auth/jwt-nomad/config',
    body: { jwks_url: jwksUrl, jwt_supported_algs: ['RS256', 'EdDSA'], ...(jwksCa !== null && { jwks_ca_pem: jwksCa }) }
  },
  ...jobs.map(({ role, job, policy }) => ({
    what: `role ${role} for the job ${job}`,
    path: `auth/jwt-nomad/role/${role}`,
    body: {
      role_type: 'jwt',
      bound_audiences: ['vault.io'],
      bound_claims: { nomad_namespace: nomadNamespace, nomad_job_id: job },
      user_claim: 'nomad_job_id',
      claim_mappings: { nomad_namespace: 'nomad_namespace', nomad_job_id: 'nomad_job_id', nomad_task: 'nomad_task' },
      token_type: 'service',
      token_policies: [policy],
      token_period: tokenPeriodS
    }
  }))
]

const ofAppRole = (): Wish[] => [
  login('approle', 'approle'),
  {
    what: 'role plimsoll for machines without Nomad',
    path: 'auth/approle/role/plimsoll',
    body: { token_policies: ['plimsoll-api'], token_type: 'service', token_period: tokenPeriodS, bind_secret_id: true }
  }
]

const ofDatabase = ({ address, user, password, owner }: DatabaseOptions): Wish[] => [
  mount({ at: 'database', type: 'database', body: { type: 'database' } }),
  {
    what: 'login to PostgreSQL',
    path: 'database/config/plimsoll',
    body: {
      plugin_name: 'postgresql-database-plugin',
      allowed_roles: ['plimsoll'],
      connection_url: `postgresql://{{username}}:{{password}}@${address}`,
      username: user,
      password
    },
    // Vault does not give the password back: it is written again when one of these changes
    compared: ['plugin_name', 'allowed_roles', 'connection_url', 'username'],
    seenAt: (found) => ({ ...found, ...(found['connection_details'] as object | undefined) })
  },
  {
    what: 'users of PostgreSQL',
    path: 'database/roles/plimsoll',
    body: {
      db_name: 'plimsoll',
      creation_statements: [
        `CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE "${owner}"`,
        // tables belong to the owner, whoever made them: a user can be dropped without a trace
        `ALTER ROLE "{{name}}" SET ROLE "${owner}"`
      ],
      renew_statements: [`ALTER ROLE "{{name}}" VALID UNTIL '{{expiration}}'`],
      revocation_statements: [
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{{name}}'`,
        `DROP ROLE IF EXISTS "{{name}}"`
      ],
      default_ttl: databaseTtlS,
      max_ttl: databaseMaxTtlS
    }
  }
]
