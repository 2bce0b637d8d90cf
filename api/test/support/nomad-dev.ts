import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { eventually, freePorts, programPath, startProgram } from './programs.ts'

const nomadDir = join(import.meta.dirname, '../../../nomad')

/** Why the tests with a real Nomad do not run here; null when they do. */
export const nomadMissing = (): string | null => (programPath('nomad') ? null : 'no nomad in PATH')

export type Json = Record<string, unknown>

export interface TestNomad {
  readonly origin: string
  /** The job of a file of nomad/, as Nomad's own parser reads it. */
  parse(file: string, variables?: Readonly<Record<string, string>>): Promise<Json>
  get<T>(path: string): Promise<T>
  put<T>(path: string, body: object): Promise<T>
  stop(): Promise<void>
}

/**
 * A Nomad of this test's own: server and client in one process, alone on 127.0.0.1, with raw_exec
 * and the Consul given.
 */
export async function startNomad(dir: string, consulOrigin: string): Promise<TestNomad> {
  const path = programPath('nomad')
  if (path === null) throw new Error('ask nomadMissing() first')
  const [http, rpc, serf] = (await freePorts(3)) as [number, number, number]
  mkdirSync(dir, { recursive: true })
  const config = join(dir, 'agent.hcl')
  writeFileSync(
    config,
    `bind_addr = "127.0.0.1"
disable_update_check = true
log_level = "WARN"
ports {
  http = ${http}
  rpc  = ${rpc}
  serf = ${serf}
}
consul {
  address = "${new URL(consulOrigin).host}"
}
client {
  network_interface = "lo"
  max_kill_timeout  = "30s"
  options = {
    "fingerprint.denylist" = "env_aws,env_gce,env_azure,env_digitalocean"
  }
}
plugin "raw_exec" {
  config {
    enabled = true
  }
}
`
  )
  const program = startProgram(path, ['agent', '-dev', `-config=${config}`], { HOME: dir, TMPDIR: dir })
  const origin = `http://127.0.0.1:${http}`
  const call = async <T>(method: string, route: string, body?: object): Promise<T> => {
    const reply = await fetch(`${origin}${route}`, { method, ...(body && { body: JSON.stringify(body) }) })
    const text = await reply.text()
    if (!reply.ok) throw new Error(`${method} ${route}: ${reply.status} ${text}`)
    return JSON.parse(text) as T
  }
  try {
    await eventually('Nomad has a client that is ready', async () => {
      const nodes = await call<{ Status: string }[]>('GET', '/v1/nodes')
      return nodes.some(({ Status }) => Status === 'ready')
    })
  } catch (error) {
    await program.stop('SIGKILL')
    throw new Error(program.output(), { cause: error })
  }
  return {
    origin,
    async parse(file, variables = {}) {
      const given = Object.entries(variables).map(([name, value]) => `-var=${name}=${value}`)
      const args = ['job', 'run', '-output', '-hcl2-strict=false', ...given, join(nomadDir, file)]
      const { stdout } = await promisify(execFile)(path, args, { env: { PATH: '', NOMAD_ADDR: origin } })
      return (JSON.parse(stdout) as { Job: Json }).Job
    },
    get: (route) => call('GET', route),
    put: (route, body) => call('PUT', route, body),
    // in -dev mode an agent ends its allocations with itself
    stop: () => program.stop('SIGINT')
  }
}
