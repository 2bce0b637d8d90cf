import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually, freePorts, programPath, startProgram } from './programs.ts'

/** Why there is no real Nomad to try; null when there is one. */
export const noNomad = (): string | null =>
  programPath('nomad') ? null : 'no nomad on PATH: only the recordings were tried'

/** A Nomad of one node on this machine, with tasks that are plain processes; ready to place them. */
export async function startNomadAgent() {
  const dir = mkdtempSync(join(tmpdir(), 'plimsoll-nomad-'))
  const [http, rpc, serf] = await freePorts(3)
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
client {
  network_interface = "lo"
  options = { "fingerprint.denylist" = "env_aws,env_gce,env_azure,env_digitalocean,consul,vault" }
}
plugin "raw_exec" {
  config { enabled = true }
}
`
  )
  const agent = startProgram(programPath('nomad')!, ['agent', '-dev', `-config=${config}`], { HOME: dir, TMPDIR: dir })
  const url = `http://127.0.0.1:${http}`
  const read = async <T>(path: string): Promise<T> => (await (await fetch(url + path)).json()) as T
  await eventually('a node that is ready', async () =>
    (await read<{ Status: string }[]>('/v1/nodes')).some(({ Status }) => Status === 'ready')
  )
  return {
    url,
    /** Ends the tasks and the agent. */
    async close(): Promise<void> {
      const jobs = await read<{ ID: string }[]>('/v1/jobs')
      await Promise.all(jobs.map(({ ID }) => fetch(`${url}/v1/job/${ID}`, { method: 'DELETE' })))
      await eventually('the end of every task', async () =>
        (await read<{ ClientStatus: string }[]>('/v1/allocations')).every(
          ({ ClientStatus }) => ClientStatus !== 'running'
        )
      )
      await agent.stop('SIGINT')
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
