import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Why there is no real Nomad to try; null when there is one. */
export const noNomad = (): string | null =>
  spawnSync('nomad', ['version']).status === 0 ? null : 'no nomad on PATH: only the recordings were tried'

const freePorts = async (count: number): Promise<number[]> => {
  const servers = Array.from({ length: count }, () => createServer())
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) =>
          server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
        )
    )
  )
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

/** A Nomad of one node on this machine, with tasks that are plain processes; ready to place them. */
export async function startNomadAgent() {
  const dir = mkdtempSync(join(tmpdir(), 'plimsoll-nomad-'))
  const [http, rpc, serf] = await freePorts(3)
  writeFileSync(
    join(dir, 'agent.hcl'),
    `bind_addr = "127.0.0.1"
disable_update_check = true
log_level = "WARN"
data_dir = "${dir}/data"
ports {
  http = ${http}
  rpc  = ${rpc}
  serf = ${serf}
}
client {
  network_interface = "lo"
  options = { "fingerprint.denylist" = "env_aws,env_gce,env_azure,env_digitalocean,consul,vault" }
}
plugin "raw_exec" {
  config { enabled = true }
}
`
  )
  const agent = spawn('nomad', ['agent', '-dev', '-config', join(dir, 'agent.hcl')], {
    stdio: 'ignore',
    env: { ...process.env, TMPDIR: dir }
  })
  const url = `http://127.0.0.1:${http}`
  const ready = async (): Promise<boolean> => {
    const reply = await fetch(`${url}/v1/nodes`).catch(() => null)
    if (!reply?.ok) return false
    return ((await reply.json()) as { Status: string }[]).some(({ Status }) => Status === 'ready')
  }
  while (!(await ready())) {
    if (agent.exitCode !== null) throw new Error(`the agent ended with ${agent.exitCode}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return {
    url,
    dir,
    /** Ends the agent and its tasks. */
    async close(): Promise<void> {
      const jobs = (await (await fetch(`${url}/v1/jobs`)).json()) as { ID: string }[]
      await Promise.all(jobs.map(({ ID }) => fetch(`${url}/v1/job/${ID}?purge=true`, { method: 'DELETE' })))
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      const ended = new Promise((resolve) => agent.once('exit', resolve))
      agent.kill('SIGINT')
      await ended
      rmSync(dir, { recursive: true, force: true })
    }
  }
}

const program = `
const { createServer } = require('node:http')
const [mode] = process.argv.slice(1)
const server = createServer((request, reply) => reply.writeHead(mode === 'unhealthy' ? 503 : 200).end('x'))
server.listen(+process.env.NOMAD_PORT_http, '127.0.0.1')
process.on('SIGTERM', () => process.exit(0))
`

/** A job of one group `api` with a canary, whose task answers its check as told. */
export const nomadJob = (job: string, variables: { behaviour: 'ok' | 'unhealthy'; count?: number }) =>
  `variable "version" {
  type    = string
  default = "0.0.0"
}
variable "image" {
  type    = string
  default = ""
}
job "${job}" {
  datacenters = ["*"]
  type        = "service"
  meta {
    release = var.version
  }
  update {
    max_parallel      = 2
    canary            = 1
    auto_promote      = false
    auto_revert       = true
    health_check      = "checks"
    min_healthy_time  = "1s"
    healthy_deadline  = "20s"
    progress_deadline = "30s"
  }
  group "api" {
    count          = ${variables.count ?? 2}
    shutdown_delay = "0s"
    network {
      port "http" {}
    }
    service {
      provider = "nomad"
      name     = "${job}"
      port     = "http"
      check {
        type     = "http"
        path     = "/healthz"
        interval = "1s"
        timeout  = "1s"
        check_restart {
          limit = 2
          grace = "1s"
        }
      }
    }
    restart {
      attempts = 0
      mode     = "fail"
    }
    reschedule {
      attempts  = 0
      unlimited = false
    }
    task "server" {
      driver       = "raw_exec"
      kill_timeout = "2s"
      kill_signal  = "SIGTERM"
      config {
        command = "${process.execPath}"
        args    = ["-e", ${JSON.stringify(program)}, "${variables.behaviour}"]
      }
      env {
        APP_VERSION = var.version
        IMAGE       = var.image
      }
      resources {
        cpu    = 20
        memory = 64
      }
    }
  }
}
`
