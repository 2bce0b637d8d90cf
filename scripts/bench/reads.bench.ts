// What everything in front of a JSON route costs, beside a bare Fastify route, and how long reads take at half load.
import autocannon from 'autocannon'
import { median, report } from './measurement.ts'
import { startServer, type ServerProcess } from './server-process.ts'

const rounds = 5
const roundS = 3
const connections = 32

interface Round {
  readonly ratePerS: number
  readonly cpuUs: number
}

const drive = (url: string, options: Partial<autocannon.Options> = {}): Promise<autocannon.Result> =>
  autocannon({ url, connections, duration: roundS, headers: { host: 'localhost' }, ...options })

async function round(server: ServerProcess): Promise<Round> {
  await server.cpuUs()
  const result = await drive(`${server.origin}/api/v1/bench`)
  if (result.non2xx > 0 || result.errors > 0) throw new Error(`${result.non2xx} refusals, ${result.errors} errors`)
  return { ratePerS: result['2xx'] / result.duration, cpuUs: (await server.cpuUs()) / result['2xx'] }
}

const bare = await startServer('bare')
const ours = await startServer('ours')
try {
  for (const server of [bare, ours]) await drive(`${server.origin}/api/v1/bench`, { duration: 2 })
  const results: { bare: Round; ours: Round }[] = []
  for (let i = 0; i < rounds; i++) results.push({ bare: await round(bare), ours: await round(ours) })

  const ratios = results.map((one) => one.ours.ratePerS / one.bare.ratePerS)
  const bareRate = median(results.map((one) => one.bare.ratePerS))
  const oursRate = median(results.map((one) => one.ours.ratePerS))
  const how = `median of ${rounds}, interleaved, ${connections} connections, one process each`
  report({
    what: 'reads with everything on, throughput',
    value: median(ratios),
    unit: 'of a bare Fastify route',
    target: { atLeast: 0.7 },
    note: `${how}; ${ratios.map((ratio) => ratio.toFixed(2)).join(', ')}`
  })
  report({ what: 'a bare Fastify route', value: bareRate, unit: 'requests/s' })
  report({ what: 'the same route with everything on', value: oursRate, unit: 'requests/s' })
  report({
    what: 'a bare Fastify route, CPU',
    value: median(results.map((one) => one.bare.cpuUs)),
    unit: 'µs a request'
  })
  report({
    what: 'the same with everything on, CPU',
    value: median(results.map((one) => one.ours.cpuUs)),
    unit: 'µs a request'
  })

  const overallRate = Math.round(oursRate / 2)
  const half = await drive(`${ours.origin}/api/v1/bench`, { overallRate, duration: 10 })
  report({
    what: 'reads at half of saturation, p99',
    value: half.latency.p99,
    unit: 'ms',
    target: { atMost: 20 },
    note: `${overallRate} requests/s for 10 s, paced; p50 ${half.latency.p50} ms, ${half.non2xx} refused`
  })
} finally {
  await Promise.all([bare.stop(), ours.stop()])
}
