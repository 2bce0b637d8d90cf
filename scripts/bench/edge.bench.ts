// What the way through Caddy costs a request: time added at rest, and CPU of Caddy, with its log on, by TLS and without.
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request as plainRequest } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../src/perf/free-port.ts'
import { median, report } from './measurement.ts'
import { startServer } from './server-process.ts'

const rounds = 7
const perRound = 400
const path = '/api/v1/bench'
/** Linux counts the CPU of a process in hundredths of a second. */
const tickUs = 10_000

/** The parts of nomad/Caddyfile that every request passes: headers, log in a file, proxy; the API by its address. */
const caddyfile = (dir: string, upstream: string, plain: number, tls: number): string => `{
  admin off
  auto_https disable_redirects
  skip_install_trust
}
(edge) {
  bind 127.0.0.1
  header -Server
  request_header -X-Plimsoll-Class
  log {
    output file ${join(dir, 'access.ndjson')}
    format filter {
      wrap json
      fields {
        request>headers>X-Plimsoll-Class delete
      }
    }
  }
  reverse_proxy ${upstream} {
    lb_try_duration 5s
    fail_duration 2s
    transport http {
      keepalive 30s
    }
  }
}
http://:${plain} {
  import edge
}
https://localhost:${tls} {
  tls internal
  import edge
}
`

const agents = [
  new Agent({ keepAlive: true, maxSockets: 1 }),
  new TlsAgent({ keepAlive: true, maxSockets: 1 })
] as const

/** One after the other on one connection, milliseconds each. */
async function timesOf(port: number, tls: boolean): Promise<number[]> {
  const times: number[] = []
  const options = { host: '127.0.0.1', port, path, headers: { host: 'localhost' } }
  for (let i = 0; i < perRound; i++) {
    const startMs = performance.now()
    await new Promise<void>((resolve, reject) => {
      const sent = tls
        ? tlsRequest({ ...options, agent: agents[1], rejectUnauthorized: false, servername: 'localhost' })
        : plainRequest({ ...options, agent: agents[0] })
      sent.on('error', reject).on('response', (response) => {
        if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`))
        response.resume().on('end', () => resolve())
      })
      sent.end()
    })
    times.push(performance.now() - startMs)
  }
  return times
}

const cpuUs = ({ pid }: ChildProcess): number => {
  // the name of the program stands in brackets and may hold blanks: what counts comes after it
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * tickUs
}

const dir = mkdtempSync(join(tmpdir(), 'plimsoll-bench-edge-'))
const api = await startServer('ours')
const [plain, tls] = [await freePort(), await freePort()]
writeFileSync(join(dir, 'Caddyfile'), caddyfile(dir, new URL(api.origin).host, plain, tls))
const env = { PATH: process.env['PATH'], HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir }
const caddy = spawn('caddy', ['run', '--config', join(dir, 'Caddyfile')], { env, stdio: 'ignore' })
try {
  const ways = [
    { name: 'direct', port: Number(new URL(api.origin).port), tls: false },
    { name: 'plain', port: plain, tls: false },
    { name: 'tls', port: tls, tls: true }
  ]
  for (const way of ways) {
    for (let tries = 0; ; tries++) {
      try {
        await timesOf(way.port, way.tls) // connections, certificates and compiled code
        break
      } catch (error) {
        if (tries > 50) throw error
        await delay(100)
      }
    }
  }
  const medians: Record<string, number[]> = { direct: [], plain: [], tls: [] }
  const slow: Record<string, number[]> = { direct: [], plain: [], tls: [] }
  const cpu: Record<string, number> = { direct: 0, plain: 0, tls: 0 }
  for (let i = 0; i < rounds; i++) {
    for (const way of ways) {
      const before = cpuUs(caddy)
      const times = (await timesOf(way.port, way.tls)).toSorted((a, b) => a - b)
      cpu[way.name]! += cpuUs(caddy) - before
      medians[way.name]!.push(median(times))
      slow[way.name]!.push(times[Math.floor(times.length * 0.95)]!)
    }
  }
  const how = `median of ${rounds} rounds of ${perRound}, one connection, interleaved`
  const direct = median(medians['direct']!)
  report({ what: 'a small read of the API, without the edge', value: direct, unit: 'ms', note: how })
  for (const [name, words] of [
    ['plain', 'plain HTTP'],
    ['tls', 'TLS']
  ] as const) {
    report({
      what: `the edge adds, ${words}`,
      value: median(medians[name]!) - direct,
      unit: 'ms',
      target: { atMost: 2 }, // 1 % of the 200 ms that Plimsoll promises
      note: `${how}; at p95 ${(median(slow[name]!) - median(slow['direct']!)).toFixed(2)} ms; log in a file`
    })
    report({ what: `CPU of Caddy, ${words}`, value: cpu[name]! / (rounds * perRound), unit: 'µs a request' })
  }
} finally {
  for (const agent of agents) agent.destroy()
  caddy.kill('SIGKILL')
  await api.stop()
  rmSync(dir, { recursive: true, force: true })
}
