// Three times the load that a server can carry: what is still served, how quickly, and whether it says that it lives.
import autocannon from 'autocannon'
import { median, report } from './measurement.ts'
import { percentile, sendOpenLoop, type Reply } from './open-loop.ts'
import { startServer } from './server-process.ts'

/** Work of one request: so much that the sender, on the other core, is not what is measured. */
const workUs = 2_000
const times = 3
const rounds = 3
const peakS = 3
const overloadMs = 8_000
/** A wave is felt until shedding has found its level. */
const settleMs = 2_000

const server = await startServer('ours', workUs)
const url = `${server.origin}/api/v1/bench`

/** Replies per second when there is always a request waiting, and never many. */
async function peakPerS(): Promise<number> {
  for (let attempt = 1; attempt <= 5; attempt++) {
    const result = await autocannon({ url, connections: 4, duration: peakS, headers: { host: 'localhost' } })
    if (result.non2xx === 0 && result.errors === 0) return result['2xx'] / result.duration
    await new Promise((resolve) => setTimeout(resolve, 2_000)) // the machine is busy, or the overload not yet over
  }
  throw new Error('four connections were refused part of their requests, five times: the machine is too busy')
}

const served = (replies: readonly Reply[]): Reply[] => replies.filter(({ status }) => status === 200)

async function round() {
  const before = await peakPerS()
  const load = { url, ratePerS: before * times, durationMs: overloadMs }
  const health = { url: `${server.origin}/healthz`, ratePerS: 10, durationMs: overloadMs }
  const [replies, healths] = await Promise.all([sendOpenLoop(load), sendOpenLoop(health)])
  await new Promise((resolve) => setTimeout(resolve, 2_000)) // until nothing is shed any more
  const peak = (before + (await peakPerS())) / 2 // the machine may do other things meanwhile
  const settled = replies.filter(({ dueMs }) => dueMs >= settleMs)
  const inTime = served(replies).filter(({ dueMs, latencyMs }) => {
    const endedMs = dueMs + latencyMs
    return endedMs >= settleMs && endedMs < overloadMs
  })
  const latencies = served(settled).map(({ latencyMs }) => latencyMs)
  return {
    goodput: inTime.length / ((overloadMs - settleMs) / 1_000) / peak,
    p95Ms: percentile(latencies, 0.95),
    firstP95Ms: percentile(
      served(replies.filter(({ dueMs }) => dueMs < settleMs)).map(({ latencyMs }) => latencyMs),
      0.95
    ),
    lost: replies.filter(({ status }) => status === null).length,
    healthRatio: served(healths).length / healths.length,
    healthP99Ms: percentile(
      healths.map(({ latencyMs }) => latencyMs),
      0.99
    ),
    peak
  }
}

try {
  await peakPerS()
  const results: Awaited<ReturnType<typeof round>>[] = []
  for (let i = 0; i < rounds; i++) results.push(await round())
  const of = (key: keyof (typeof results)[number]): number => median(results.map((result) => result[key]))
  const all = (key: keyof (typeof results)[number], digits: number): string =>
    results.map((result) => result[key].toFixed(digits)).join(', ')
  report({
    what: `overload ×${times}, served`,
    value: of('goodput'),
    unit: 'of the peak',
    target: { atLeast: 0.9 },
    note: `open loop, ${workUs / 1_000} ms of work a request, ${overloadMs / 1_000} s, without the first ${settleMs / 1_000} s; ${all('goodput', 2)}`
  })
  report({
    what: `overload ×${times}, p95 of what is served`,
    value: of('p95Ms'),
    unit: 'ms',
    target: { atMost: 200 },
    note: `from when each request was due; ${all('p95Ms', 0)}; in the first ${settleMs / 1_000} s ${all('firstP95Ms', 0)}`
  })
  report({
    what: `overload ×${times}, health answered`,
    value: of('healthRatio'),
    unit: 'of ten a second',
    target: { atLeast: 1 },
    note: `p99 ${all('healthP99Ms', 0)} ms; requests without any reply ${all('lost', 0)}`
  })
  report({ what: 'the peak', value: of('peak'), unit: 'requests/s' })
} finally {
  await server.stop()
}
