import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { freePort } from './free-port.ts'
import { startOwned, untilReady, type OwnedProcess } from './owned-process.ts'

/** The caddy of PATH; null: not installed. */
export const findCaddy = (path = process.env['PATH'] ?? ''): string | null =>
  path
    .split(delimiter)
    .map((folder) => join(folder, 'caddy'))
    .find((file) => existsSync(file)) ?? null

interface Behind {
  readonly caddy: string
  /** Where Plimsoll listens, port. */
  readonly upstreamPort: number
  /** For its configuration, its state and its access log. */
  readonly folder: string
  readonly signal?: AbortSignal | undefined
}

/** Caddy in front of a server, with an access log like in production. */
export async function startCaddy({ caddy, upstreamPort, folder, signal }: Behind): Promise<{
  origin: string
  process: OwnedProcess
}> {
  const port = await freePort()
  const file = join(folder, 'caddy.json')
  await writeFile(file, JSON.stringify(caddyConfig(port, upstreamPort, join(folder, 'access.ndjson')), null, 2))
  const env = { PATH: process.env['PATH'], HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder }
  const owned = startOwned([caddy, 'run', '--config', file], { env })
  const origin = `http://127.0.0.1:${port}`
  try {
    await untilReady(owned, {
      name: 'Caddy',
      withinMs: 15_000,
      signal,
      check: async () => (await fetch(`${origin}/healthz`)).ok
    })
    return { origin, process: owned }
  } catch (error) {
    await owned.stop()
    throw error
  }
}

/** Caddy's own configuration: one plain listener, one upstream, no admin interface, the log in a file. */
export const caddyConfig = (port: number, upstreamPort: number, log: string): unknown => ({
  admin: { disabled: true, config: { persist: false } },
  logging: {
    logs: {
      default: { level: 'WARN', exclude: ['http.log.access'] },
      access: {
        include: ['http.log.access'],
        writer: { output: 'file', filename: log, roll: false },
        encoder: { format: 'json' }
      }
    }
  },
  apps: {
    http: {
      servers: {
        plimsoll: {
          listen: [`127.0.0.1:${port}`],
          automatic_https: { disable: true },
          logs: { default_logger_name: 'default' },
          routes: [
            {
              handle: [
                { handler: 'encode', encodings: { gzip: {}, zstd: {} } },
                { handler: 'reverse_proxy', upstreams: [{ dial: `127.0.0.1:${upstreamPort}` }] }
              ]
            }
          ]
        }
      }
    }
  }
})
