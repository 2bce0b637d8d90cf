import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { headerSnippet } from '../../../scripts/edge/snippet.rules.ts'
import { ask, type Where } from './asking.ts'
import { eventually, freePorts, programPath, startProgram, type Program } from './programs.ts'

const checkout = join(import.meta.dirname, '../../..')

export interface Caddy {
  readonly version: string
  readonly path: string
}

/** Every Caddy to be had: the machine's, and the newer one that `make deps` keeps beside the checkout. */
export const caddies = (): Caddy[] =>
  [programPath('caddy'), join(checkout, '.make/tools/caddy-next/usr/bin/caddy')].flatMap((path) => {
    if (path === null) return []
    const { status, stdout } = spawnSync(path, ['version'], { encoding: 'utf8' })
    return status === 0 ? [{ version: stdout.trim().split(' ')[0]!.replace(/^v/, ''), path }] : []
  })

export interface Edge {
  readonly version: string
  /** From outside, by TLS with a certificate of its own. */
  readonly outside: Where
  readonly plainPort: number
  readonly inside: Where
  readonly log: string
  readonly program: Program
}

export interface EdgeOptions {
  readonly caddy: Caddy
  /** A directory of this edge alone. */
  readonly dir: string
  readonly dns: string
  readonly web: string
  /** Headers of the page, as the API sends them. */
  readonly pageHeaders: Readonly<Record<string, unknown>>
  /** Name of the service in Consul; default plimsoll-api. */
  readonly service?: string
  readonly env?: Readonly<Record<string, string>>
}

/** nomad/Caddyfile in a real Caddy, on free ports of 127.0.0.1. */
export async function startEdge(options: EdgeOptions): Promise<Edge> {
  const {
    caddy: { version, path },
    dir,
    dns,
    web,
    pageHeaders,
    service = 'plimsoll-api',
    env = {}
  } = options
  const [http, https, inside] = (await freePorts(3)) as [number, number, number]
  mkdirSync(dir, { recursive: true })
  const headers = join(dir, 'page-headers.caddy')
  writeFileSync(headers, headerSnippet(pageHeaders))
  const log = join(dir, 'access.ndjson')
  const program = startProgram(path, ['run', '--config', join(checkout, 'nomad/Caddyfile')], {
    HOME: dir,
    XDG_CONFIG_HOME: dir,
    XDG_DATA_HOME: dir,
    EDGE_SITE: 'localhost',
    EDGE_TLS: 'internal',
    EDGE_BIND: '127.0.0.1',
    EDGE_HTTP_PORT: String(http),
    EDGE_HTTPS_PORT: String(https),
    EDGE_INSIDE_PORT: String(inside),
    EDGE_INSIDE_BIND: '127.0.0.1',
    EDGE_API: `${service}.service.consul`,
    EDGE_RESOLVER: dns,
    EDGE_WEB: web,
    EDGE_HEADERS: headers,
    EDGE_LOG: log,
    ...env
  })
  const host = '127.0.0.1'
  const outside = { host, port: https, tls: true }
  const inner = { host, port: inside }
  try {
    // the first certificate takes a moment longer than the first connection
    for (const to of [outside, inner]) {
      await eventually(
        'the edge serves',
        async () => (await ask(to, '/', { headers: { accept: '*/*' } })).status === 200
      )
    }
  } catch (error) {
    await program.stop('SIGKILL')
    throw new Error(program.output(), { cause: error })
  }
  return { version, outside, plainPort: http, inside: inner, log, program }
}
