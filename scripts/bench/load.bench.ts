// What the paced sender can send and what a request costs it, beside other load generators, and how true each is on a
// server that stands still for a second in every five.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { housePromise } from '../../api/src/load/line/hold.rules.ts'
import { LoadSession } from '../../api/src/load/run/load.ts'
import { oneGet } from '../../api/src/load/run/requests.rules.ts'
import { tools, type ToolRun } from './load-tools.ts'
import { median, report } from './measurement.ts'

const roundS = 3
const rounds = 3

async function startTarget(mode: 'fast' | 'frozen'): Promise<{ origin: string; stop(): Promise<void> }> {
  const child = fork(join(import.meta.dirname, 'load-target.ts'), [mode], { execArgv: [] })
  const [{ origin }] = (await once(child, 'message')) as [{ origin: string }]
  return {
    origin,
    async stop() {
      const ended = once(child, 'exit')
      child.disconnect()
      await ended
    }
  }
}

const openSession = (origin: string): Promise<LoadSession> =>
  LoadSession.open({
    url: new URL(origin),
    requests: [oneGet(new URL(origin))],
    allowed: [],
    verifyTls: true,
    classKey: 'a key of the bench alone',
    promised: housePromise,
    timeoutMs: 10_000,
    service: null,
    release: null,
    directory: null
  })

const paced = (session: LoadSession, ratePerS: number, durationMs: number) =>
  session.run({
    kind: 'paced',
    ratePerS,
    arrivals: 'poisson',
    jitterRatio: 0,
    durationMs,
    warmUpMs: 0,
    connections: null
  })

/** The highest rate that left on time, by steps of a fifth. */
async function ceilingOf(session: LoadSession): Promise<number> {
  let kept = 0
  for (let ratePerS = 4_000; ratePerS < 200_000; ratePerS *= 1.2) {
    const run = await paced(session, ratePerS, 2_000)
    console.log(`${Math.round(ratePerS)}/s: ${run.sender?.limited ? 'late' : 'on time'}`)
    if (run.sender?.limited) break
    kept = run.achievedPerS
  }
  return kept
}

async function costs(): Promise<void> {
  const target = await startTarget('fast')
  const session = await openSession(target.origin)
  try {
    await paced(session, 5_000, 2_000) // code that has run is code that is compiled
    const ours: number[] = []
    const others = new Map<string, ToolRun[]>(tools.map(({ name }) => [name, []]))
    for (let i = 0; i < rounds; i++) {
      const { sender } = await paced(session, 8_000, roundS * 1_000)
      ours.push(sender!.cpuUsPerRequest!)
      for (const tool of tools) others.get(tool.name)!.push(await tool.saturate(target.origin, roundS))
    }
    const how = `median of ${rounds}, interleaved, the server on the other core`
    report({
      what: 'paced sender, CPU',
      value: median(ours),
      unit: 'µs a request',
      target: { atMost: 20 },
      note: `8,000 requests/s, ${how}; ${ours.map((us) => us.toFixed(1)).join(', ')}`
    })
    report({
      what: 'paced sender, most requests on time',
      value: await ceilingOf(session),
      unit: 'requests/s',
      note: 'the next step, a fifth higher, was late'
    })
    for (const [name, runs] of others) {
      const cpu = runs.map(({ cpuUs, requests }) => (cpuUs === null ? NaN : cpuUs / requests))
      report({
        what: `${name}, CPU`,
        value: median(cpu),
        unit: 'µs a request',
        note: `saturating 64 connections, ${how}; it sends when it is answered, not when it is time`
      })
      const rates = runs.map(({ requests, seconds }) => requests / seconds)
      report({ what: `${name}, most requests`, value: median(rates), unit: 'requests/s' })
    }
  } finally {
    await session.close()
    await target.stop()
  }
}

/** Where a percentile of evenly spaced requests lies when a second in five stands still: the rest takes no time. */
const trueMs = (share: number): number => Math.max(0, (share - 0.8) * 5_000)

async function truths(): Promise<void> {
  const target = await startTarget('frozen')
  const session = await openSession(target.origin)
  const tell = (name: string, run: Pick<ToolRun, 'medianMs' | 'latencyMs' | 'share'>, how: string): void => {
    const points = [
      ['p50', run.medianMs, trueMs(0.5)],
      [`p${run.share * 100}`, run.latencyMs, trueMs(run.share)]
    ] as const
    for (const [percentile, foundMs, wantedMs] of points) {
      report({
        what: `${name}, error of ${percentile} on a server frozen for 1 s in 5`,
        value: foundMs === null ? NaN : Math.abs(foundMs - wantedMs),
        unit: 'ms',
        // 5 % of 750 ms
        ...(name === 'paced sender' && { target: { atMost: 37.5 } }),
        note: `${how}; said ${foundMs?.toFixed(0)} ms, true is ${wantedMs.toFixed(0)} ms`
      })
    }
  }
  try {
    const ours = await session.run({
      kind: 'paced',
      ratePerS: 100,
      arrivals: 'constant',
      jitterRatio: 0,
      durationMs: 10_000,
      warmUpMs: 0,
      connections: null
    })
    const { p50, p95 } = ours.latencyMs
    tell('paced sender', { medianMs: p50, latencyMs: p95, share: 0.95 }, '100 requests/s for 10 s')
    for (const { name, pace, saturate } of tools) {
      const run = pace ? await pace(target.origin, 100, 10) : await saturate(target.origin, 10)
      tell(name, run, pace ? '100 requests/s for 10 s, its own pacing' : 'closed loop: it has no pacing')
    }
  } finally {
    await session.close()
    await target.stop()
  }
}

await costs()
await truths()
