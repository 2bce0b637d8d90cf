import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findCaddy, startCaddy } from './caddy-front.ts'
import { freePort } from './free-port.ts'
import { startOwned, untilReady, type OwnedProcess } from './owned-process.ts'

/** A Plimsoll of a checkout that serves for a measurement, with a store of its own. */
export interface ServerUnderTest {
  /** What is loaded: Caddy when there is one, else Plimsoll itself. */
  readonly origin: string
  readonly behind: 'caddy' | null
  /** Signs the requests, so that it counts them as load. */
  readonly classKey: string
  /** For requests that need one, whoever is let in without. */
  readonly token: string
  /** Which of its processes ended by themselves; empty while all is well. */
  ended(): string[]
  stop(): Promise<void>
}

export interface ServerWanted {
  /** Top of the checkout to start. */
  readonly checkout: string
  /** 0 or absent: any free one. */
  readonly port?: number
  /** Leave Caddy out even when it is installed. */
  readonly bare?: boolean
  readonly signal?: AbortSignal | undefined
}

/**
 * Starts the production build of a checkout, behind Caddy when that is installed.
 *
 * @throws PLIMSOLL_NOT_STARTED with what it said last; nothing is left running then
 */
export async function startPlimsoll({ checkout, port, bare, signal }: ServerWanted): Promise<ServerUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-perf-'))
  const running: [name: string, owned: OwnedProcess][] = []
  const stop = async (): Promise<void> => {
    for (const [, owned] of running.toReversed()) await owned.stop()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const caddy = bare ? null : findCaddy()
    const listenAt = port || (await freePort())
    const classKey = randomBytes(24).toString('hex')
    const token = randomBytes(24).toString('hex')
    await writeFile(join(folder, 'plan.yaml'), planOf(caddy ? join(folder, 'access.ndjson') : null))
    const owned = startOwned([process.execPath, '--no-warnings', join(checkout, 'api/src/main.ts')], {
      cwd: folder, // no .env and no data of whoever measures
      env: {
        PATH: process.env['PATH'],
        NODE_ENV: 'production',
        HOST: '127.0.0.1',
        PORT: String(listenAt),
        DATA_DIR: join(folder, 'data'),
        PLAN_FILE: join(folder, 'plan.yaml'),
        WEB_ROOT: join(checkout, 'web/build'),
        LOG_LEVEL: 'warn',
        LOG_FORMAT: 'json',
        API_TOKEN: token,
        CLASS_KEY: classKey
      }
    })
    running.push(['Plimsoll', owned])
    const direct = `http://127.0.0.1:${listenAt}`
    await untilReady(owned, {
      name: 'Plimsoll',
      withinMs: 60_000,
      signal,
      check: async () => (await fetch(`${direct}/readyz`)).ok
    })
    if (caddy === null) return { ...server(direct, null), classKey, token }
    const front = await startCaddy({ caddy, upstreamPort: listenAt, folder, signal })
    running.push(['Caddy', front.process])
    return { ...server(front.origin, 'caddy'), classKey, token }
  } catch (error) {
    await stop()
    throw error
  }

  function server(origin: string, behind: 'caddy' | null) {
    const ended = (): string[] => running.filter(([, { exitCode }]) => exitCode !== null).map(([name]) => name)
    return { origin, behind, ended, stop }
  }
}

/** It watches itself, and while it is loaded it also reads the log that Caddy writes of the load. */
const planOf = (accessLog: string | null): string => `plan: plimsoll/v1
services:
  - name: plimsoll
    owner: perf-gate
    signals:
      - self: { exclude: { paths: [/api/v1/live] } }
    promise: { availability: 99.9%, p95: 200ms, errors: 0.1%, window: 30d }
${
  accessLog === null
    ? ''
    : `  - name: edge
    owner: perf-gate
    signals:
      - caddyLog: { file: ${JSON.stringify(accessLog)} }
    promise: { availability: 99.9%, p95: 200ms, errors: 0.1%, window: 30d }
`
}`

/** What a page asks for, as one mix: the overview, one service, its traffic and objectives, the alerts. */
export const pageMix: readonly string[] = [
  '/api/v1/services',
  '/api/v1/services/plimsoll',
  '/api/v1/services/plimsoll/traffic',
  '/api/v1/services/plimsoll/objectives',
  '/api/v1/alerts',
  '/healthz'
]
