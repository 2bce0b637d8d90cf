import { existsSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join, resolve } from 'node:path'
import { parseEnv } from 'node:util'
import fastifyEnv from '@fastify/env'
import fastify from 'fastify'
import type { Static, TSchema } from 'typebox'
import { codedError, type Fault } from './errors.ts'
import { accessFaults } from './access/settings.rules.ts'
import { SettingsSchema } from './settings-schema.ts'
import { version } from './version.ts'

const checkout = resolve(import.meta.dirname, '../../..')

type SettingsFromEnvironment = Static<typeof SettingsSchema>

/** The settings in force: paths resolved, lists split. */
export interface Settings extends Readonly<SettingsFromEnvironment> {
  /** RELEASE, or the version. */
  readonly release: string
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
export const loadSettings = (
  environment: Variables = process.env,
  dotenvPath: string | null = '.env'
): Promise<Settings> => readEnvironment(environment, dotenvPath).settings({})

/** The environment as it was at the start, to which secrets of elsewhere are put. */
export interface Environment {
  /** The settings before any secrets: each is right, but together they may not be whole. */
  readonly bare: () => Promise<Settings>
  /** The settings with these secrets, which win. */
  readonly settings: (secrets: Variables) => Promise<Settings>
}

/** As {@link loadSettings}, for who gets secrets from elsewhere. */
export function readEnvironment(environment: Variables = process.env, dotenvPath: string | null = '.env'): Environment {
  const data = { ...nonEmpty(readDotenv(dotenvPath)), ...nonEmpty(environment) }
  return {
    bare: () => parse(data),
    async settings(secrets) {
      const all = { ...data, ...nonEmpty(secrets) }
      const settings = await parse(all)
      const faults = faultsBeyondSchema(settings).map((name) => faultOf(name, all[name]))
      if (faults.length > 0) throw invalid(faults)
      return settings
    }
  }
}

const parse = async (data: Readonly<Record<string, string>>): Promise<Settings> => {
  const app = fastify()
  let config: SettingsFromEnvironment
  try {
    await app.register(fastifyEnv, {
      schema: { ...SettingsSchema },
      env: false,
      data: { ...data },
      ajv: { customOptions: (ajv) => ajv.addVocabulary(['unit', 'secret', 'allowed']) }
    })
    config = (app as unknown as { config: SettingsFromEnvironment }).config
  } catch (error) {
    throw explain(error, data)
  } finally {
    await app.close()
  }
  return finish(config, data)
}

/** Settings whose values the schema cannot judge. */
const faultsBeyondSchema = (settings: Settings): string[] => [
  ...(settings.webhookUrls.every((url) => URL.canParse(url)) ? [] : ['WEBHOOK_URLS']),
  ...(settings.trustedProxies.every(isNetwork) ? [] : ['TRUST_PROXY']),
  ...accessFaults(settings)
]

/** An IP address, or one with the length of its network: 10.0.0.0/8. */
const isNetwork = (text: string): boolean => {
  const [address = '', bits] = text.split('/')
  const version = isIP(address)
  return version !== 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128)))
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
    release: settings.RELEASE || version,
    BACKUP_DIR: settings.BACKUP_DIR ? resolve(settings.BACKUP_DIR) : join(dataDir, 'backups'),
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
  return invalid(names.map((name) => faultOf(name, data[name])))
}

type SettingFault = Required<Pick<Fault, 'path' | 'text' | 'found' | 'expected'>>

const invalid = (errors: SettingFault[]): Error =>
  settingsInvalid(errors.map(({ path, found, expected }) => `${path}=${found}: ${expected}`).join('; '), { errors })

const faultOf = (name: string, value: string | undefined): SettingFault => {
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
  default?: string | number | boolean
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
    default: schema.default === undefined ? '' : `${schema.default}`,
    secret: schema.secret ?? false
  }
}

export const settingNames = Object.keys(SettingsSchema.properties)

const allowedBy = ({ anyOf, type, minimum, maximum, unit }: SettingSchema): string => {
  if (anyOf) return anyOf.map((choice) => String(choice.const)).join(', ')
  if (type === 'integer') return `a whole number of ${unit} from ${minimum} to ${maximum}`
  return type === 'boolean' ? 'true or false' : 'any text'
}
