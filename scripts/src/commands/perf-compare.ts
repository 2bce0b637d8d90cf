import { existsSync } from 'node:fs'
import { readPercent } from '../../../api/src/plan/quantities.rules.ts'
import { command, type Context } from '../cli/command.ts'
import { Failure, wrongUsage } from '../cli/failure.ts'
import { reasonLines } from '../cli/load-lines.rules.ts'
import { duration, number } from '../cli/load-options.ts'
import { ownVersion } from '../cli/own-checkout.ts'
import { stateTones, stateWords } from '../cli/verdict.rules.ts'
import type { ComparePlan } from '../perf/compare/compared.ts'
import { compareMarkdown } from '../perf/compare/markdown.rules.ts'
import { goodPerS, warned, type Side } from '../perf/compare/measures.rules.ts'
import { compareOptions, type CompareGiven } from '../perf/compare/options.ts'
import { pinnedFile } from '../perf/compare/pinned.ts'
import { byCommits, byReference, byTargets, type Found, type Way } from '../perf/compare/ways.ts'
import { overallOf } from '../perf/overall.rules.ts'
import type { CompareReport, PerfCheck, RoundInBrief } from '../perf/report.ts'
import { reportFiles, reportOperands, tellReport } from '../perf/tell-report.ts'
import { pushResults, pushTo } from '../push/push.ts'

export const perfCompare = command({
  noun: 'perf',
  verb: 'compare',
  summary: 'say whether a version got slower than another, both measured here in turn; takes 2 to 8 minutes',
  operands: reportOperands,
  options: compareOptions,
  examples: [
    'plimsoll perf compare --base main',
    'plimsoll perf compare --base v1.4.0 --head v1.5.0 --margin 5% --json compare.json',
    'plimsoll perf compare --reference .perf/reference.json',
    'plimsoll perf compare --base-target http://127.0.0.1:8080/items --target http://127.0.0.1:8081/items'
  ],
  exits: {
    0: 'head is within the margin, by p95 and by the load it carries',
    1: 'head is worse by more than the margin, or breaks its promise',
    2: 'it could not be measured, or the rounds did not suffice'
  },
  async run({ operands: [file], options: given }, context) {
    const { output } = context
    const plan = planOf(given)
    const way = wayOf(given)
    const targets = given['base-target'] !== undefined || given.target !== undefined
    const wanted = { ...given, service: given.service ?? (targets ? undefined : 'plimsoll') }
    const to = pushTo(wanted, context)
    const files = reportFiles(file, given, context)
    const startedMs = Date.now()
    const found = await way({ given: wanted, plan, context }).catch((error: unknown) =>
      notCompared(error, given, context)
    )
    const checks = given['warn-when-unsure'] ? found.checks.map(warned) : found.checks
    const report = await describe({ ...found, checks }, plan, startedMs)
    const heads = found.rounds.flatMap(({ head }) => [head.paced, head.saturated])
    await pushResults(
      heads.map((document) => ({ kind: 'run' as const, document })),
      to,
      context
    )
    const lines = report.checks.flatMap(({ name, state, reasons }) => [
      `${name}: ${output.tone(stateTones[state], stateWords[state])}`,
      ...reasonLines(reasons)
    ])
    return tellReport(report, { markdown: compareMarkdown(report), lines }, files, context)
  }
})

const planOf = (given: CompareGiven): ComparePlan => {
  const marginRatio = readPercent(given.margin ?? '10%')
  if (marginRatio === null || !(marginRatio > 0 && marginRatio < 10)) {
    throw wrongUsage(`--margin ${given.margin} is no share`, 'for example --margin 10%')
  }
  const durationMs = duration('duration', given.duration, '5s')
  return {
    marginRatio,
    maxRounds: number('rounds', given.rounds ?? '20', { min: 6, max: 60, whole: true }),
    ratePerS: given.rate === undefined ? null : number('rate', given.rate, { min: 1, max: 100_000 }),
    durationMs,
    saturationMs: duration('saturation', given.saturation, '3s'),
    warmUpMs: Math.min(500, durationMs / 10), // the runs before have warmed it; connections open anew
    connections: number('connections', given.connections ?? '16', { min: 1, max: 10_000, whole: true }),
    seed: Date.now() % 2 ** 31
  }
}

/** What kept a comparison from being made is its answer; wrong usage is told as such. */
const notCompared = async (error: unknown, given: CompareGiven, { signal }: Context): Promise<Found> => {
  if (error instanceof Failure && error.exit === 64) throw error
  const { reasonOf, unmeasured } = await import('../perf/gate.ts')
  return {
    base: { name: given.base ?? given['base-target'] ?? given.reference ?? 'the pinned run', commit: null },
    head: { name: given.target ?? given.head ?? (given.base === undefined ? 'this checkout' : 'HEAD'), commit: null },
    checks: [unmeasured('comparison', reasonOf(error, signal))],
    rounds: [],
    leftOut: [],
    ratePerS: null
  }
}

/** Two commits, two running servers, or a stored run: what the options name. */
const wayOf = (given: CompareGiven): Way => {
  const { base, reference, target } = given
  const asked = [base, reference, given['base-target']].filter((each) => each !== undefined)
  if (asked.length > 1) {
    throw wrongUsage('--base, --base-target and --reference exclude each other', 'plimsoll perf compare --help')
  }
  if (given['base-target'] !== undefined) {
    if (target === undefined) throw wrongUsage('--base-target needs --target URL', 'name the server that is judged')
    return byTargets
  }
  if (base !== undefined) {
    if (target !== undefined)
      throw wrongUsage('--target goes with --base-target or --reference', 'a commit is started here')
    return byCommits
  }
  if (reference !== undefined || existsSync(pinnedFile)) return byReference
  throw wrongUsage('perf compare needs --base REF', 'make perf-compare BASE=main, or pin a run: plimsoll perf pin')
}

const describe = async (found: Found, plan: ComparePlan, startedMs: number): Promise<CompareReport> => {
  const { thisMachine } = await import('../../../api/src/load/run/machine.ts')
  const durationMs = Date.now() - startedMs
  // the checks share the rounds, and so their time
  const checks = found.checks.map((check): PerfCheck => ({ ...check, durationMs: durationMs / found.checks.length }))
  return {
    kind: 'perf-compare',
    title: `${found.head.name} against ${found.base.name}`,
    state: overallOf(checks.map(({ state }) => state)),
    startedAt: new Date(startedMs).toISOString(),
    durationMs,
    machine: thisMachine(),
    version: ownVersion,
    checks,
    base: found.base,
    head: found.head,
    marginRatio: plan.marginRatio,
    ratePerS: found.ratePerS,
    seed: plan.seed,
    rounds: found.rounds.map(({ first, base, head }) => ({ first, base: base && brief(base), head: brief(head) })),
    leftOut: found.leftOut.map(({ why }) => why)
  }
}

const brief = ({ paced, saturated }: Side): RoundInBrief => ({
  p95Ms: paced.latencyMs.p95,
  goodPerS: goodPerS(saturated),
  total: paced.total + saturated.total,
  bad: paced.bad + saturated.bad
})
