import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { getHeapStatistics } from 'node:v8'
import fastifyEnv from '@fastify/env'
import fastify from 'fastify'
import { Type, type Static, type TSchema } from 'typebox'
import { codedError, type Fault } from './errors.ts'

const checkout = resolve(import.meta.dirname, '../../..')

const wholeNumber = (
  unit: string,
  description: string,
  limits: { default: number; minimum: number; maximum: number }
) => Type.Integer({ ...limits, description, unit })

const text = (
  description: string,
  options: { default?: string; pattern?: string; secret?: true; allowed?: string } = {}
) => Type.String({ default: '', ...options, description })

/** Every setting, its unit, its limits and what it is without being set. Names are environment variables. */
export const SettingsSchema = Type.Object({
  HOST: text('address to listen on; 127.0.0.1 is this machine alone', { default: '127.0.0.1' }),
  PORT: wholeNumber('TCP port', 'port to listen on; 0 takes any free one', {
    default: 3000,
    minimum: 0,
    maximum: 65_535
  }),
  DATA_DIR: text('directory of the store, the class key and the instance id', { default: './data' }),
  PLAN_FILE: text('the plan that is applied at start and whenever it changes', { default: './plan.yaml' }),
  COMMAND_ALLOW: text(
    'commands that acceptance checks of the plan may run, exactly as written, separated by ;, arguments by spaces',
    { allowed: 'empty, or commands separated by ;, for example make verify;npm audit --omit=dev' }
  ),
  DATABASE_URL: text('sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE; empty: SQLite below DATA_DIR', {
    pattern: '^($|sqlite:.+|postgres(ql)?://.+)',
    allowed: 'empty, sqlite:PATH or postgres://…',
    secret: true
  }),
  WEB_ROOT: text('directory of the built page; empty: web/build of this checkout'),

  LOG_LEVEL: Type.Union(
    (['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const).map((level) => Type.Literal(level)),
    { default: 'info', description: 'least level that is logged' }
  ),
  LOG_FORMAT: Type.Union([Type.Literal('auto'), Type.Literal('json'), Type.Literal('pretty')], {
    default: 'auto',
    description: 'auto: readable on a terminal, JSON elsewhere'
  }),

  API_TOKEN: text('token for callers from elsewhere: Authorization: Bearer …; empty: only this machine is served', {
    pattern: '^(|\\S{16,})$',
    allowed: 'empty, or at least 16 characters without spaces',
    secret: true
  }),
  LOOPBACK_OPEN: Type.Boolean({
    default: true,
    description: 'callers on this machine need no token; set false when a proxy on this machine serves others'
  }),
  TRUST_PROXY: text('addresses or networks of proxies whose X-Forwarded-For is believed, separated by commas', {
    pattern: '^($|[0-9a-fA-F.:/]+(\\s*,\\s*[0-9a-fA-F.:/]+)*$)',
    allowed: 'empty, or IP addresses and CIDR networks separated by commas, for example 127.0.0.1,10.0.0.0/8'
  }),
  CLASS_KEY: text('key that signs X-Plimsoll-Class; empty: a random one kept in DATA_DIR/class.key', {
    pattern: '^(|.{16,})$',
    allowed: 'empty, or at least 16 characters',
    secret: true
  }),

  FLUSH_INTERVAL_MS: wholeNumber('ms', 'how often each source writes what it has counted', {
    default: 1_000,
    minimum: 50,
    maximum: 60_000
  }),
  RETAIN_10S_HOURS: wholeNumber('hours', 'how long counts per 10 s are kept', {
    default: 12,
    minimum: 2,
    maximum: 240
  }),
  RETAIN_1M_DAYS: wholeNumber(
    'days',
    'how long counts per minute are kept; the longest window of an objective and a margin',
    {
      default: 35,
      minimum: 2,
      maximum: 400
    }
  ),
  RETAIN_1H_DAYS: wholeNumber('days', 'how long counts per hour are kept', {
    default: 400,
    minimum: 2,
    maximum: 4_000
  }),
  RETAIN_PROBES_DAYS: wholeNumber('days', 'how long single probe results are kept', {
    default: 35,
    minimum: 1,
    maximum: 400
  }),
  RETAIN_IDEMPOTENCY_HOURS: wholeNumber('hours', 'how long idempotency keys of pushes are remembered', {
    default: 48,
    minimum: 1,
    maximum: 720
  }),
  RETAIN_HISTORY_DAYS: wholeNumber('days', 'how long resolved alerts, deliveries and evidence of checks are kept', {
    default: 400,
    minimum: 7,
    maximum: 4_000
  }),

  WEBHOOK_URLS: text('receivers of alerts, http(s) URLs separated by spaces or commas', {
    pattern: '^\\s*$|^\\s*https?://\\S+(\\s+https?://\\S+)*\\s*$',
    allowed: 'empty, or http(s) URLs separated by spaces',
    secret: true
  }),
  WEBHOOK_SECRET: text('signs webhook bodies: X-Plimsoll-Signature: sha256=<hex HMAC>; empty: unsigned', {
    pattern: '^(|.{16,})$',
    allowed: 'empty, or at least 16 characters',
    secret: true
  }),
  WEBHOOK_TIMEOUT_MS: wholeNumber('ms', 'how long one webhook may take', {
    default: 10_000,
    minimum: 100,
    maximum: 60_000
  }),

  BODY_LIMIT_BYTES: wholeNumber('bytes', 'largest JSON or YAML body', {
    default: 1_048_576,
    minimum: 1_024,
    maximum: 104_857_600
  }),
  RATE_LIMIT_WRITES: wholeNumber('writes per minute', 'most writes of one caller; 0 sets no limit', {
    default: 1_200,
    minimum: 0,
    maximum: 1_000_000
  }),
  LIVE_CLIENTS: wholeNumber('clients', 'most simultaneous readers of /api/v1/live', {
    default: 500,
    minimum: 1,
    maximum: 50_000
  }),

  PRESSURE_EVENT_LOOP_DELAY_MS: wholeNumber(
    'ms',
    'mean delay of the event loop above which requests are shed; 0: never',
    {
      default: 60,
      minimum: 0,
      maximum: 10_000
    }
  ),
  PRESSURE_EVENT_LOOP_UTILISATION_PERCENT: wholeNumber(
    'percent',
    'share of time the event loop is busy above which requests are shed; 0: not looked at, a busy loop alone is no harm',
    { default: 0, minimum: 0, maximum: 100 }
  ),
  PRESSURE_HEAP_MB: wholeNumber('MiB', 'JavaScript heap in use above which requests are shed; 0: never', {
    default: Math.floor((getHeapStatistics().heap_size_limit / 1_048_576) * 0.85),
    minimum: 0,
    maximum: 1_048_576
  }),

  SHUTDOWN_TIMEOUT_MS: wholeNumber('ms', 'how long requests may take to finish after Ctrl-C or SIGTERM', {
    default: 15_000,
    minimum: 100,
    maximum: 600_000
  }),
  BACKUP_DIR: text('directory of backups; empty: DATA_DIR/backups'),
  BACKUP_KEEP: wholeNumber('files', 'how many backups are kept', { default: 14, minimum: 1, maximum: 10_000 })
})

type SettingsFromEnvironment = Static<typeof SettingsSchema>

/** The settings in force: paths resolved, lists split. */
export interface Settings extends Readonly<SettingsFromEnvironment> {
  /** Cores this process may use. */
  readonly cores: number
  readonly webhookUrls: readonly string[]
  /** Program and arguments of each command that a plan may run. */
  readonly allowedCommands: readonly (readonly string[])[]
  /** PLAN_SECRET_…: values that a plan names and never holds. */
  readonly planSecrets: Readonly<Record<string, string>>
  readonly trustedProxies: readonly string[]
}

export const settingsInvalid = codedError({
  code: 'PLIMSOLL_SETTINGS_INVALID',
  status: 500,
  title: 'A setting cannot be used',
  hint: 'the settings are listed in .env.example'
})

/**
 * Reads the settings from the environment and from `.env` (the environment wins).
 *
 * @param environment - variables by name, `process.env` unless told
 * @param dotenvPath - the file to read besides, which need not exist; null for none
 * @throws PLIMSOLL_SETTINGS_INVALID naming every bad setting and what was allowed
 */
export async function loadSettings(
  environment: Variables = process.env,
  dotenvPath: string | null = '.env'
): Promise<Settings> {
  const data = { ...nonEmpty(readDotenv(dotenvPath)), ...nonEmpty(environment) }
  const app = fastify()
  try {
    await app.register(fastifyEnv, {
      schema: { ...SettingsSchema },
      env: false,
      data: { ...data },
      ajv: { customOptions: (ajv) => ajv.addVocabulary(['unit', 'secret', 'allowed']) }
    })
    return finish((app as unknown as { config: SettingsFromEnvironment }).config, data)
  } catch (error) {
    throw explain(error, data)
  } finally {
    await app.close()
  }
}

type Variables = Readonly<Record<string, string | undefined>>

const readDotenv = (path: string | null): Variables =>
  path !== null && existsSync(path) ? parseEnv(readFileSync(path, 'utf8')) : {}

/** `PORT=` in a shell or a job file means: not set. */
const nonEmpty = (variables: Variables): Record<string, string> =>
  Object.fromEntries(Object.entries(variables).filter((entry): entry is [string, string] => Boolean(entry[1])))

const finish = (settings: SettingsFromEnvironment, data: Readonly<Record<string, string>>): Settings => {
  const dataDir = resolve(settings.DATA_DIR)
  return {
    ...settings,
    DATA_DIR: dataDir,
    PLAN_FILE: resolve(settings.PLAN_FILE),
    DATABASE_URL: settings.DATABASE_URL || `sqlite:${join(dataDir, 'plimsoll.sqlite')}`,
    WEB_ROOT: settings.WEB_ROOT ? resolve(settings.WEB_ROOT) : join(checkout, 'web/build'),
    BACKUP_DIR: settings.BACKUP_DIR ? resolve(settings.BACKUP_DIR) : join(dataDir, 'backups'),
    cores: availableParallelism(),
    allowedCommands: settings.COMMAND_ALLOW.split(/[;\n]/)
      .map((command) => command.split(/\s+/).filter(Boolean))
      .filter((command) => command.length > 0),
    planSecrets: Object.fromEntries(Object.entries(data).filter(([name]) => name.startsWith('PLAN_SECRET_'))),
    webhookUrls: settings.WEBHOOK_URLS.split(/[\s,]+/).filter(Boolean),
    trustedProxies: settings.TRUST_PROXY.split(',')
      .map((network) => network.trim())
      .filter(Boolean)
  }
}

interface SchemaFault {
  instancePath: string
  message?: string
}

const explain = (error: unknown, data: Variables): Error => {
  const { errors } = error as { errors?: SchemaFault[] }
  if (!Array.isArray(errors)) return error as Error
  const names = [...new Set(errors.map(({ instancePath }) => instancePath.slice(1)))]
  const faults = names.map((name) => faultOf(name, data[name]))
  return settingsInvalid(faults.map(({ path, found, expected }) => `${path}=${found}: ${expected}`).join('; '), {
    errors: faults
  })
}

const faultOf = (
  name: string,
  value: string | undefined
): Required<Pick<Fault, 'path' | 'text' | 'found' | 'expected'>> => {
  const schema = describeSetting(name)
  return {
    path: name,
    text: `${name} ${schema.description}`,
    found: schema.secret ? '(hidden)' : JSON.stringify(value ?? ''),
    expected: `allowed is ${schema.allowed}`
  }
}

export interface SettingDescription {
  readonly name: string
  readonly description: string
  readonly allowed: string
  readonly unit: string | null
  readonly default: string
  readonly secret: boolean
}

interface SettingSchema {
  description?: string
  unit?: string
  default?: unknown
  secret?: boolean
  allowed?: string
  type?: string
  minimum?: number
  maximum?: number
  anyOf?: readonly { const?: unknown }[]
}

/** What a setting means and takes, for messages and for `.env.example`. */
export function describeSetting(name: string): SettingDescription {
  const schema = (SettingsSchema.properties as unknown as Record<string, TSchema & SettingSchema>)[name] ?? {}
  return {
    name,
    description: schema.description ?? '',
    allowed: schema.allowed ?? allowedBy(schema),
    unit: schema.unit ?? null,
    default: String(schema.default ?? ''),
    secret: schema.secret ?? false
  }
}

export const settingNames = Object.keys(SettingsSchema.properties)

const allowedBy = ({ anyOf, type, minimum, maximum, unit }: SettingSchema): string => {
  if (anyOf) return anyOf.map((choice) => String(choice.const)).join(', ')
  if (type === 'integer') return `a whole number of ${unit} from ${minimum} to ${maximum}`
  return type === 'boolean' ? 'true or false' : 'any text'
}
