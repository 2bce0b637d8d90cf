import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import autocannon from 'autocannon'

/** What a load generator says of a run, and what the run cost it. */
export interface ToolRun {
  readonly requests: number
  readonly seconds: number
  /** CPU of the generator alone, µs; null: not known apart from others. */
  readonly cpuUs: number | null
  readonly medianMs: number | null
  /** At the share {@link ToolRun.share} of the requests, ms; null: it says none. */
  readonly latencyMs: number | null
  /** The percentile nearest to 95 that the tool says, ratio. */
  readonly share: number
}

/** Another load generator, driven from here. */
export interface Tool {
  readonly name: string
  /** As many requests as 64 connections carry. */
  readonly saturate: (url: string, seconds: number) => Promise<ToolRun>
  /** A rate as the tool keeps it; null: it has none. */
  readonly pace: ((url: string, ratePerS: number, seconds: number) => Promise<ToolRun>) | null
}

const isInstalled = (program: string): boolean =>
  spawnSync(program, ['--help'], { stdio: 'ignore' }).error === undefined

interface Ended {
  readonly out: string
  readonly cpuUs: number
}

/** A program with the CPU it took: bash's own `time` counts the children it waited for. */
const timed = (program: string, args: readonly string[]): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const child = spawn('bash', ['-c', 'TIMEFORMAT="cpu %U %S"; time "$@"', 'bash', program, ...args], {
      env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'pipe']
    })
    let [out, err] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
    child.on('error', reject)
    child.on('close', (code) => {
      const [, user, system] = /^cpu (\S+) (\S+)$/m.exec(err) ?? []
      if (code === 0 && user !== undefined) resolve({ out, cpuUs: (Number(user) + Number(system)) * 1e6 })
      else reject(new Error(`${program} ended with ${code}: ${err.slice(0, 500)}`))
    })
  })

const inFolder = async <T>(work: (folder: string) => Promise<T>): Promise<T> => {
  const folder = mkdtempSync(join(tmpdir(), 'plimsoll-bench-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const connections = 64

const cannon = async (url: string, options: Partial<autocannon.Options>): Promise<ToolRun> => {
  const before = process.cpuUsage()
  const result = await autocannon({ url, connections, ...options })
  const { user, system } = process.cpuUsage(before)
  return {
    requests: result.requests.total,
    seconds: result.duration,
    cpuUs: user + system,
    medianMs: result.latency.p50,
    latencyMs: result.latency.p97_5,
    share: 0.975
  }
}

const autocannonTool: Tool = {
  name: 'autocannon',
  saturate: (url, duration) => cannon(url, { duration }),
  pace: (url, overallRate, duration) => cannon(url, { duration, overallRate, connections: 10 })
}

const wrk = async (url: string, given: number, seconds: number): Promise<ToolRun> =>
  inFolder(async (folder) => {
    const script = join(folder, 'p95.lua')
    writeFileSync(
      script,
      'done = function(s, l) print("result", s.requests, s.duration, l:percentile(50), l:percentile(95)) end\n'
    )
    const { out, cpuUs } = await timed('wrk', ['-t1', `-c${given}`, `-d${seconds}s`, '-s', script, url])
    const [, requests, us, p50Us, p95Us] = /^result\s+(\d+)\s+(\d+)\s+([\d.]+)\s+([\d.]+)/m.exec(out) ?? []
    return {
      requests: Number(requests),
      seconds: Number(us) / 1e6,
      cpuUs,
      medianMs: Number(p50Us) / 1_000,
      latencyMs: Number(p95Us) / 1_000,
      share: 0.95
    }
  })

const wrkTool: Tool = {
  name: 'wrk',
  saturate: (url, seconds) => wrk(url, connections, seconds),
  pace: null
}

const hey = async (url: string, args: readonly string[], seconds: number): Promise<ToolRun> => {
  const { out, cpuUs } = await timed('hey', ['-z', `${seconds}s`, ...args, url])
  const at = (percent: number): number | null => {
    const seconds = new RegExp(`${percent}%+ in ([\\d.]+) secs`).exec(out)?.[1]
    return seconds === undefined ? null : Number(seconds) * 1_000
  }
  const requests = [...out.matchAll(/\[\d{3}\]\s+(\d+) responses/g)].reduce((sum, [, n]) => sum + Number(n), 0)
  return { requests, seconds, cpuUs, medianMs: at(50), latencyMs: at(95), share: 0.95 }
}

const heyTool: Tool = {
  name: 'hey',
  saturate: (url, seconds) => hey(url, ['-c', String(connections)], seconds),
  pace: (url, ratePerS, seconds) => hey(url, ['-c', '10', '-q', String(ratePerS / 10)], seconds)
}

const k6 = (url: string, scenario: object, seconds: number): Promise<ToolRun> =>
  inFolder(async (folder) => {
    const [script, summary] = [join(folder, 'run.js'), join(folder, 'summary.json')]
    const body = `import http from 'k6/http'; export const options = { scenarios: { one: ${JSON.stringify(scenario)} } }; export default () => { http.get(${JSON.stringify(url)}) }\n`
    writeFileSync(script, body)
    const { cpuUs } = await timed('k6', ['run', '--quiet', '--summary-export', summary, script])
    const { metrics } = JSON.parse(readFileSync(summary, 'utf8')) as {
      metrics: { http_reqs: { count: number }; http_req_duration: Record<string, number> }
    }
    const { med = null, 'p(95)': latencyMs = null } = metrics.http_req_duration
    return { requests: metrics.http_reqs.count, seconds, cpuUs, medianMs: med, latencyMs, share: 0.95 }
  })

const k6Tool: Tool = {
  name: 'k6',
  saturate: (url, seconds) => k6(url, { executor: 'constant-vus', vus: connections, duration: `${seconds}s` }, seconds),
  pace: (url, rate, seconds) =>
    k6(url, { executor: 'constant-arrival-rate', rate, duration: `${seconds}s`, preAllocatedVUs: 200 }, seconds)
}

const oha = async (url: string, args: readonly string[], seconds: number): Promise<ToolRun> => {
  const { out, cpuUs } = await timed('oha', ['--no-tui', '--output-format', 'json', '-z', `${seconds}s`, ...args, url])
  const { latencyPercentiles, statusCodeDistribution } = JSON.parse(out) as {
    latencyPercentiles: { p50: number | null; p95: number | null }
    statusCodeDistribution: Record<string, number>
  }
  const requests = Object.values(statusCodeDistribution).reduce((sum, n) => sum + n, 0)
  const ms = (seconds: number | null): number | null => (seconds === null ? null : seconds * 1_000)
  const { p50, p95 } = latencyPercentiles
  return { requests, seconds, cpuUs, medianMs: ms(p50), latencyMs: ms(p95), share: 0.95 }
}

const ohaTool: Tool = {
  name: 'oha',
  saturate: (url, seconds) => oha(url, ['-c', String(connections)], seconds),
  pace: (url, ratePerS, seconds) => oha(url, ['-c', '200', '-q', String(ratePerS), '--latency-correction'], seconds)
}

/** Those that are here; wrk, hey, k6 and oha only when they are installed. */
export const tools: readonly Tool[] = [
  autocannonTool,
  ...[wrkTool, heyTool, k6Tool, ohaTool].filter(({ name }) => isInstalled(name))
]
