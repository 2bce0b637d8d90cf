import { request, Agent } from 'node:http'
import type { Program } from './programs.ts'
import { startProgram } from './programs.ts'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** How a version answers: at once, with a third of its answers 500, or 80 ms later than it should. */
export type Behaviour = 'ok' | 'errors' | 'slow'

const program = `
const { createServer } = require('node:http')
const { BEHAVIOUR, RELEASE, NOMAD_PORT_http } = process.env
let count = 0
const server = createServer((request, reply) => {
  if (request.url === '/healthz') return reply.end('ok')
  const status = BEHAVIOUR === 'errors' && ++count % 3 === 0 ? 500 : 200
  setTimeout(() => reply.writeHead(status, { 'x-release': RELEASE }).end('x'), BEHAVIOUR === 'slow' ? 100 : 20)
})
server.listen(+NOMAD_PORT_http, '127.0.0.1')
process.on('SIGTERM', () => server.close(() => process.exit(0)))
`

/** A job of one plain process and one canary; its check stands in Consul and looks at /healthz alone. */
export const canaryJob = (job: string): string => `
variable "release" { type = string }
variable "behaviour" { type = string }
job "${job}" {
  datacenters = ["*"]
  type        = "service"
  meta { release = var.release }
  update {
    max_parallel      = 1
    canary            = 1
    auto_promote      = false
    auto_revert       = true
    health_check      = "checks"
    min_healthy_time  = "1s"
    healthy_deadline  = "60s"
    progress_deadline = "90s"
  }
  group "api" {
    count          = 1
    shutdown_delay = "2s"
    network {
      port "http" {}
    }
    service {
      provider = "consul"
      name     = "${job}"
      port     = "http"
      address_mode = "host"
      check {
        type     = "http"
        path     = "/healthz"
        interval = "1s"
        timeout  = "2s"
      }
    }
    task "server" {
      driver       = "raw_exec"
      kill_timeout = "5s"
      kill_signal  = "SIGTERM"
      config {
        command = "${process.execPath}"
        args    = ["-e", ${JSON.stringify(program).replaceAll('${', '$${')}]
      }
      env {
        RELEASE   = var.release
        BEHAVIOUR = var.behaviour
      }
      resources {
        cpu    = 20
        memory = 64
      }
    }
  }
}
`

export interface Site {
  /** Name of the service in Consul. */
  readonly service: string
  readonly port: number
  readonly log: string
}

/** A Caddy in front of services that it finds in Consul's DNS, each on a port and with an access log of its own. */
export function startFront(
  caddy: string,
  dir: string,
  { sites, dns }: { sites: readonly Site[]; dns: string }
): Program {
  mkdirSync(dir, { recursive: true })
  const file = join(dir, 'Caddyfile')
  const blocks = sites.map(
    ({ service, port, log }) => `:${port} {
	bind 127.0.0.1
	log {
		output file ${log}
		format json
	}
	reverse_proxy {
		dynamic srv ${service}.service.consul {
			resolvers ${dns}
			refresh 1s
		}
		lb_policy round_robin
		lb_try_duration 2s
		transport http {
			resolvers ${dns}
		}
	}
}
`
  )
  writeFileSync(file, `{\n\tadmin off\n}\n${blocks.join('')}`)
  return startProgram(caddy, ['run', '--config', file, '--adapter', 'caddyfile'], {
    HOME: dir,
    XDG_CONFIG_HOME: dir,
    XDG_DATA_HOME: dir
  })
}

/** Users that ask so many times a second, whatever comes back, until they are stopped. */
export function startUsers(port: number, ratePerS: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  const seen = { asked: 0, statuses: {} as Record<string, number>, releases: {} as Record<string, number> }
  const timer = setInterval(() => {
    seen.asked += 1
    const asking = request({ host: '127.0.0.1', port, path: '/', agent, timeout: 5_000 }, (reply) => {
      const release = String(reply.headers['x-release'] ?? '')
      seen.statuses[reply.statusCode!] = (seen.statuses[reply.statusCode!] ?? 0) + 1
      seen.releases[release] = (seen.releases[release] ?? 0) + 1
      reply.resume()
    })
    asking.on('error', () => (seen.statuses['none'] = (seen.statuses['none'] ?? 0) + 1))
    asking.end()
  }, 1_000 / ratePerS)
  return {
    seen,
    stop: () => {
      clearInterval(timer)
      agent.destroy()
    }
  }
}
