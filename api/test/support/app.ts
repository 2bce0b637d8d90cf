import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import type { FastifyInstance } from 'fastify'
import { buildApp, type AppOptions } from '../../src/app.ts'
import { allRoutes, type RouteDescriptor, type Routes } from '../../src/contract/index.ts'
import { ManualClock, systemClock, type Clock } from '../../src/platform/clock.ts'
import type { Database } from '../../src/platform/database/open.ts'
import { codedError } from '../../src/platform/errors.ts'
import { loadSettings, type Settings } from '../../src/platform/settings.ts'
import { openTestDatabase } from './database.ts'

export interface TestAppOptions {
  /** Default: a {@link ManualClock}. */
  readonly clock?: Clock
  /** YAML of the plan; written to the PLAN_FILE of a fresh directory. */
  readonly plan?: string
  /** Settings by name, as in the environment. */
  readonly settings?: Readonly<Record<string, string>>
  /** Default: a fresh one (see `openTestDatabase`), closed with the application. */
  readonly database?: Database
  readonly logger?: AppOptions['logger']
  /** Default: the settings, which do not change. */
  readonly secrets?: AppOptions['secrets']
  readonly processMetrics?: boolean
  readonly pressure?: AppOptions['pressure']
  /** Adds routes and hooks before the application is ready. */
  readonly prepare?: (app: FastifyInstance) => void
}

export interface TestApp {
  readonly app: FastifyInstance
  readonly clock: Clock
  readonly settings: Settings
  readonly database: Database
  /** A directory of this application alone, removed by `close`. */
  readonly dir: string
  /** Listens on a free port of 127.0.0.1; gives the origin, e.g. `http://127.0.0.1:40211`. */
  listen(): Promise<string>
  close(): Promise<void>
}

/**
 * The whole application on a store in memory, with a clock that stands still, below a directory of
 * its own: `const { app, clock, close } = await buildTestApp({ plan })`.
 */
export async function buildTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const dir = mkdtempSync(join(tmpdir(), 'plimsoll-test-'))
  const planFile = join(dir, 'plan.yaml')
  if (options.plan !== undefined) writeFileSync(planFile, options.plan)
  const settings = await loadSettings(
    {
      PORT: '0',
      DATA_DIR: join(dir, 'data'),
      PLAN_FILE: planFile,
      WEB_ROOT: join(dir, 'web'),
      LOG_LEVEL: 'silent',
      ...options.settings
    },
    null
  )
  const clock = options.clock ?? new ManualClock()
  const database = options.database ?? (await openTestDatabase(clock.nowMs()))
  const app = await buildApp({
    settings,
    clock,
    database,
    instance: { id: 'test', version: '0.0.0-test', startedMs: clock.nowMs() },
    ...(options.logger && { logger: options.logger }),
    ...(options.secrets && { secrets: options.secrets }),
    ...(options.processMetrics !== undefined && { processMetrics: options.processMetrics }),
    pressure: options.pressure ?? calm,
    leaseClock: systemClock // that of the database does not leap
  })
  checkReplies(app)
  options.prepare?.(app)
  await app.ready()
  return {
    app,
    clock,
    settings,
    database,
    dir,
    listen: () => app.listen({ host: '127.0.0.1', port: 0 }),
    async close() {
      await app.close()
      if (!options.database) await database.close()
      rmSync(dir, { recursive: true, force: true })
    }
  }
}

/** A clock that jumps takes many samples of one moment: on a busy machine each would count. */
const calm = { measure: () => ({ eventLoopDelayMs: 0, eventLoopUtilisationRatio: 0, heapUsedBytes: 0 }) }

/** A reply that is not what the contract says fails the test that asked for it. */
const checkReplies = (app: FastifyInstance): void => {
  const ajv = addFormats.default(new Ajv({ strict: false, allErrors: true, addUsedSchema: false }), ['date-time'])
  const validators = new Map<object, ValidateFunction>()
  app.addHook('preSerialization', async (request, reply, payload) => {
    const key = request.routeOptions.config.route
    const route: RouteDescriptor | undefined = key === undefined ? undefined : (allRoutes as Routes)[key]
    if (!route?.reply || ![route.status ?? 200, ...(route.alsoStatus ?? [])].includes(reply.statusCode)) return payload
    const validate = validators.get(route.reply) ?? ajv.compile(withoutIds(route.reply))
    validators.set(route.reply, validate)
    if (validate(JSON.parse(JSON.stringify(payload)))) return payload
    throw replyBreaksContract(`${key}: ${ajv.errorsText(validate.errors, { dataVar: 'reply' })}`)
  })
}

/** A schema may stand in a reply more than once; Ajv wants each `$id` to be there once. */
const withoutIds = (schema: object): object =>
  JSON.parse(JSON.stringify(schema, (key, value: unknown) => (key === '$id' ? undefined : value))) as object

const replyBreaksContract = codedError({
  code: 'PLIMSOLL_TEST_REPLY_BREAKS_CONTRACT',
  status: 500,
  title: 'The reply does not fit the contract'
})
