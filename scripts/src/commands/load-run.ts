import { command, type OptionValues } from '../cli/command.ts'
import { wrongUsage } from '../cli/failure.ts'
import { runLines, runProgress } from '../cli/load-lines.rules.ts'
import { duration, loadOperands, loadOptions, number, readTarget, subjectOf, warmUp } from '../cli/load-options.ts'
import { tellJudged } from '../cli/tell-judged.ts'
import { pushOptions, pushResults, pushTo } from '../push/push.ts'
import type { LoadOrder } from '../../../api/src/load/run/load.ts'

const options = {
  rate: {
    type: 'string',
    value: 'R',
    description: 'requests per second, sent when they are due whatever the answers do'
  },
  saturate: { type: 'boolean', description: 'as many requests as the connections carry, instead of a rate' },
  duration: { type: 'string', value: 'TIME', description: 'counted time (30s)' },
  'warm-up': {
    type: 'string',
    value: 'TIME',
    description: 'load before it that is not counted (0s; 2s with --saturate)'
  },
  connections: { type: 'string', value: 'N', description: 'most connections (rate × 2 s; 64 with --saturate)' },
  pipelining: { type: 'string', value: 'N', description: 'requests at a time on a connection, with --saturate (1)' },
  poisson: { type: 'boolean', description: 'arrivals of independent users instead of evenly spaced ones' },
  jitter: {
    type: 'string',
    value: 'SHARE',
    description: 'move each arrival by up to this share of the gap, 0 to 1 (0)'
  },
  ...loadOptions,
  ...pushOptions
} as const

export const loadRun = command({
  noun: 'load',
  verb: 'run',
  summary: 'load a server and say whether its promise held',
  operands: loadOperands,
  options,
  examples: [
    'plimsoll load run http://127.0.0.1:3000/api/items --rate 200 --duration 30s',
    'plimsoll load run http://127.0.0.1:3000 --saturate --connections 64 --duration 10s',
    'plimsoll load run http://127.0.0.1:3000 --rate 50 --requests mix.json --json run.json',
    'plimsoll load run https://shop.staging.example --rate 50 --yes-i-may-load shop.staging.example'
  ],
  exits: {
    0: 'the promise held',
    1: 'it was broken',
    2: 'too few requests to say, or the target could not be measured'
  },
  async run({ operands, options: given }, context) {
    const { output, signal } = context
    const { url, file } = readTarget('load run', operands, output.json)
    const order = orderOf(given)
    const subject = await subjectOf(url, given, context)
    const to = pushTo({ push: given.push, service: subject.service }, context)
    keepWithin(subject.maxRatePerS, order)
    const { LoadSession } = await import('../../../api/src/load/run/load.ts')
    const session = await LoadSession.open(subject, signal)
    try {
      const onProgress = (progress: Parameters<typeof runProgress>[0]) =>
        output.progress(runProgress(progress, order.durationMs))
      const run = await session.run(order, { signal, onProgress })
      await pushResults([{ kind: 'run', document: run }], to, context)
      return await tellJudged(run, runLines(run), file, output)
    } finally {
      await session.close()
    }
  }
})

type Given = OptionValues<typeof options>

/** The plan says how much may be sent at most; saturation knows no rate to stay below. */
const keepWithin = (maxRatePerS: number | undefined, order: LoadOrder): void => {
  if (maxRatePerS === undefined) return
  if (order.kind === 'saturation') throw wrongUsage('the plan allows a rate, not saturation', 'name the URL instead')
  if (order.ratePerS <= maxRatePerS) return
  throw wrongUsage(`the plan allows at most ${maxRatePerS} requests per second`, 'ask for less, or raise load.maxRate')
}

const orderOf = (given: Given): LoadOrder => {
  const { rate, saturate, connections } = given
  if (saturate === (rate !== undefined)) {
    throw wrongUsage('load run needs either --rate R or --saturate', 'plimsoll load run --help')
  }
  const durationMs = duration('duration', given.duration, '30s')
  const limit =
    connections === undefined ? null : number('connections', connections, { min: 1, max: 50_000, whole: true })
  const warmUpMs = warmUp(given['warm-up'], saturate ? '2s' : '0s')
  if (rate === undefined) {
    const pipelining = number('pipelining', given.pipelining ?? '1', { min: 1, max: 1_000, whole: true })
    return { kind: 'saturation', durationMs, warmUpMs, connections: limit ?? 64, pipelining }
  }
  return {
    kind: 'paced',
    ratePerS: number('rate', rate, { min: 0.01, max: 1_000_000 }),
    arrivals: given.poisson ? 'poisson' : 'constant',
    jitterRatio: number('jitter', given.jitter ?? '0', { min: 0, max: 1 }),
    durationMs,
    warmUpMs,
    connections: limit
  }
}
