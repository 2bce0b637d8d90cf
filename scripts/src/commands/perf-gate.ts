import type { Reason } from '../../../api/src/contract/primitives.ts'
import { command, type Context, type OptionValues } from '../cli/command.ts'
import { reasonLines, runLines, runProgress } from '../cli/load-lines.rules.ts'
import { duration, loadOptions, number, subjectOf, warmUp } from '../cli/load-options.ts'
import { ownCheckout, ownVersion } from '../cli/own-checkout.ts'
import { stateTones, stateWords } from '../cli/verdict.rules.ts'
import type { GatePlan } from '../perf/gate.ts'
import { gateMarkdown } from '../perf/markdown.rules.ts'
import { overallOf } from '../perf/overall.rules.ts'
import { startPlimsoll, type ServerUnderTest } from '../perf/plimsoll-server.ts'
import type { GateReport, PerfCheck } from '../perf/report.ts'
import { subjectOfServer } from '../perf/subject.ts'
import { reportFiles, reportOperands, reportOptions, tellReport } from '../perf/tell-report.ts'
import { pushOptions, pushResults, pushTo } from '../push/push.ts'

const options = {
  rate: { type: 'string', value: 'R', description: 'requests per second at which the promise has to hold (200)' },
  duration: { type: 'string', value: 'TIME', description: 'counted time at that rate (30s)' },
  'warm-up': { type: 'string', value: 'TIME', description: 'load before it that is not counted (5s)' },
  saturation: { type: 'string', value: 'TIME', description: 'counted time of the saturation run (10s)' },
  connections: { type: 'string', value: 'N', description: 'connections of the saturation run (16)' },
  target: { type: 'string', value: 'URL', description: 'check this server instead of starting Plimsoll' },
  port: { type: 'string', value: 'N', description: 'port of the Plimsoll that is started (any free one)' },
  bare: { type: 'boolean', description: 'no Caddy in front of it, even when one is installed' },
  ...reportOptions,
  ...loadOptions,
  ...pushOptions
} as const

type Given = OptionValues<typeof options>

export const perfGate = command({
  noun: 'perf',
  verb: 'gate',
  summary: 'start Plimsoll behind Caddy, load it, and say whether its promise holds: for CI',
  operands: reportOperands,
  options,
  examples: [
    'plimsoll perf gate',
    'plimsoll perf gate --rate 300 --duration 1m --json gate.json --junit gate.xml --markdown gate.md',
    'plimsoll perf gate --target http://127.0.0.1:8080/items --rate 100'
  ],
  exits: {
    0: 'the promise held, at its rate and at saturation',
    1: 'it was broken',
    2: 'it could not be measured, or too few requests to say'
  },
  async run({ operands: [file], options: given }, context) {
    const { output, env, signal } = context
    const plan = planOf(given, env)
    const port = portOf(given.port ?? env['PERF_PORT'])
    const service = given.service ?? (given.target === undefined ? 'plimsoll' : undefined)
    const to = pushTo({ push: given.push, service }, context)
    const files = reportFiles(file, given, context)
    const { checkServer, reasonOf, unmeasured } = await import('../perf/gate.ts')
    const startedMs = Date.now()

    output.note(given.target === undefined ? 'starting Plimsoll' : `checking ${given.target}`)
    let server: ServerUnderTest | null = null
    let checks: PerfCheck[]
    try {
      if (given.target === undefined) {
        server = await startPlimsoll({ checkout: ownCheckout, bare: given.bare, signal, port })
        output.note(`it serves at ${server.origin}${server.behind ? ', behind Caddy' : ''}`)
      }
      const wanted = { ...given, service }
      const subject =
        server === null
          ? await subjectOf(given.target!, wanted, context)
          : await subjectOfServer(server, ownCheckout, wanted, context)
      checks = await checkServer(subject, plan, {
        signal,
        onProgress: (name, progress, durationMs) => output.progress(`${name}: ${runProgress(progress, durationMs)}`)
      })
      for (const name of server?.ended() ?? []) checks.push(endedCheck(name))
    } catch (error) {
      // only what kept the server from starting is an answer; a wrong command line is told as such
      if (server !== null || given.target !== undefined) throw error
      checks = [unmeasured('start', reasonOf(error, signal))]
    } finally {
      await server?.stop()
    }

    const report = await describe(checks, { plan, given, server, startedMs })
    const runs = checks.flatMap(({ run }) => (run ? [{ kind: 'run' as const, document: run }] : []))
    await pushResults(runs, to, context)
    const lines = checks.flatMap(({ name, state, reasons, run }) => [
      `${name}: ${output.tone(stateTones[state], stateWords[state])}`,
      ...(run ? runLines(run) : reasonLines(reasons))
    ])
    return tellReport(report, { markdown: gateMarkdown(report), lines }, files, context)
  }
})

const planOf = (given: Given, env: Context['env']): GatePlan => {
  const rate = given.rate ?? (env['PERF_RATE'] || '200')
  return {
    ratePerS: number('rate', rate, { min: 1, max: 100_000 }),
    durationMs: duration('duration', given.duration ?? (env['PERF_DURATION'] || undefined), '30s'),
    warmUpMs: warmUp(given['warm-up'], '5s'),
    saturationMs: duration('saturation', given.saturation, '10s'),
    connections: number('connections', given.connections ?? '16', { min: 1, max: 10_000, whole: true })
  }
}

const portOf = (text: string | undefined): number =>
  text === undefined || text === '' ? 0 : number('port', text, { min: 0, max: 65_535, whole: true })

const endedCheck = (name: string): PerfCheck => {
  const reason: Reason = {
    code: 'server_ended',
    text: `${name} ended by itself while it was loaded`,
    next: 'start it by hand and load it: make start, plimsoll load run'
  }
  return { name: `${name} stays up`, state: 'fail', reasons: [reason], durationMs: 0, run: null }
}

interface Around {
  readonly plan: GatePlan
  readonly given: Given
  readonly server: ServerUnderTest | null
  readonly startedMs: number
}

async function describe(checks: readonly PerfCheck[], { plan, given, server, startedMs }: Around): Promise<GateReport> {
  const { gitCommit, thisMachine } = await import('../../../api/src/load/run/machine.ts')
  const target = given.target ?? (server?.behind ? 'Plimsoll behind Caddy' : 'Plimsoll')
  return {
    kind: 'perf-gate',
    title: `${target}, ${plan.ratePerS} requests per second`,
    state: overallOf(checks.map(({ state }) => state)),
    startedAt: new Date(startedMs).toISOString(),
    durationMs: Date.now() - startedMs,
    machine: thisMachine(),
    version: ownVersion,
    target,
    behind: server?.behind ?? null,
    commit: await gitCommit(given.target === undefined ? ownCheckout : process.cwd()),
    checks
  }
}
