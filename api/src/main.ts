import closeWithGrace from 'close-with-grace'
import type { Logger } from 'pino'
import { buildApp } from './app.ts'
import { banner } from './banner.ts'
import { systemClock } from './platform/clock.ts'
import { takeDataDir } from './platform/data-dir.ts'
import { describeUrl, openDatabase } from './platform/database/open.ts'
import { postgresLimits } from './platform/database/postgres.ts'
import { codedError, isCodedError } from './platform/errors.ts'
import { createLogger } from './platform/logger.ts'
import { returnStartMemory } from './platform/memory.ts'
import { fixedSecrets } from './platform/secrets.ts'
import { readEnvironment, type Environment, type Settings } from './platform/settings.ts'
import type { Vault } from './platform/vault/vault.ts'
import { usesVault } from './platform/vault/uses-vault.rules.ts'
import { version } from './platform/version.ts'

const cannotListen = codedError({ code: 'PLIMSOLL_CANNOT_LISTEN', status: 500, title: 'The address cannot be used' })

/** What was opened, to be closed in the opposite order. */
const opened: (() => Promise<void> | void)[] = []

async function closeAll(): Promise<void> {
  for (let close = opened.pop(); close; close = opened.pop()) await close()
}

async function start(): Promise<void> {
  const environment = readEnvironment()
  const bare = await environment.bare()
  const log = createLogger(bare)
  const { logger } = log
  opened.push(() => log.flush())

  const vault = usesVault(bare) ? await secretsFromVault(bare, logger, environment) : null
  if (vault) opened.push(() => vault.close()) // last: with the token ends the user of the database
  const secrets = vault?.secrets ?? fixedSecrets(await environment.settings({}))
  const { settings } = secrets

  const dataDir = takeDataDir(settings.DATA_DIR, settings.DATABASE_URL)
  opened.push(() => dataDir.release())
  logger.info({ version, instance: dataDir.instanceId, store: describeUrl(settings.DATABASE_URL) }, 'starting')
  const database = await openDatabase(settings.DATABASE_URL, {
    nowMs: systemClock.nowMs(),
    limits: postgresLimits(settings)
  })
  opened.push(() => database.close())

  const app = await buildApp({
    settings,
    secrets,
    signer: vault?.signer ?? null,
    vault: vault?.status ?? null,
    clock: systemClock,
    database,
    instance: { id: dataDir.instanceId, version, startedMs: systemClock.nowMs() },
    logger,
    processMetrics: true
  })
  opened.push(() => app.close())

  closeWithGrace({ delay: settings.SHUTDOWN_TIMEOUT_MS, logger }, async ({ err, signal }) => {
    if (err) logger.fatal({ err }, 'crashed')
    else logger.info({ signal }, 'stopping')
    await closeAll()
  })

  await app.ready()
  void app.slo.loaded.then(returnStartMemory, () => {})
  const address = await listen(app, settings)
  process.stderr.write(banner(app, address))
}

/** Loaded when it is used: whoever has no Vault does not pay for its client. */
const secretsFromVault = async (bare: Settings, log: Logger, { settings: resolve }: Environment): Promise<Vault> => {
  const { openVault } = await import('./platform/vault/vault.ts')
  return openVault(bare, { clock: systemClock, random: Math.random, log, resolve })
}

const listen = async (app: Awaited<ReturnType<typeof buildApp>>, { HOST, PORT }: Settings): Promise<string> => {
  try {
    return await app.listen({ host: HOST, port: PORT, listenTextResolver: (at) => `listening at ${at}` })
  } catch (error) {
    const { code } = error as { code?: string }
    const where = `${HOST}:${PORT}`
    if (code === 'EADDRINUSE') throw cannotListen(`${where} is in use`, { hint: 'stop the other program, or set PORT' })
    if (code === 'EACCES')
      throw cannotListen(`${where} is not allowed for this user`, { hint: 'set PORT to 1024 or more' })
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
      throw cannotListen(`${HOST} is not an address of this machine`, {
        hint: 'set HOST to one that is, or to 0.0.0.0'
      })
    }
    throw error
  }
}

/** A mistake of the operator is told in three lines; anything else with its stack. */
const explain = (error: unknown): string => {
  if (!isCodedError(error)) return `Plimsoll could not start: ${error instanceof Error ? error.stack : String(error)}\n`
  const faults = error.errors?.map(({ path, text, found, expected }) => `  ${path} is ${found}; ${expected} (${text})`)
  return [
    `Plimsoll could not start. ${error.title}:`,
    ...(faults ?? [`  ${error.message}`]),
    ...(error.hint ? [`  → ${error.hint}`] : []),
    `  (${error.code})\n`
  ].join('\n')
}

try {
  await start()
} catch (error) {
  await closeAll()
  process.stderr.write(explain(error))
  process.exit(1)
}
