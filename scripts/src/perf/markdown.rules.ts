import type { LoadRun } from '../../../api/src/contract/load.ts'
import type { State } from '../../../api/src/contract/primitives.ts'
import { count, milliseconds, percent, perSecond, wait } from '../cli/format.rules.ts'
import { stateWords } from '../cli/verdict.rules.ts'
import type { GateReport, PerfCheck, PerfReport } from './report.ts'
import { sparkline } from './sparkline.rules.ts'

const marks: Readonly<Record<State, string>> = {
  pass: '✅',
  warn: '⚠️',
  fail: '❌',
  not_enough_evidence: '❔',
  could_not_measure: '❔'
}

/** A state with its mark, for a summary page. */
export const marked = (state: State): string => `${marks[state]} ${stateWords[state]}`

/** What the gate found as GitHub shows it on the page of a job: the verdict, a table, a chart, the reasons. */
export const gateMarkdown = (report: GateReport): string =>
  page(report, [
    table(
      ['check', 'verdict', 'requests', 'rate', 'p50', 'p95 (95 % interval)', 'p99', 'failed'],
      report.checks.map(({ name, state, run }) => [name, marked(state), ...(run ? runCells(run) : nothing)])
    ),
    ...report.checks.flatMap(({ name, run }) => (run ? [chart(name, run)] : [])),
    ...reasonLists(report.checks)
  ])

/** Heading, body and where it was measured. */
export const page = (report: PerfReport, body: readonly string[]): string => {
  const { machine } = report
  const where = `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.platform}, Node ${machine.node}`
  return [
    `## ${marks[report.state]} ${headings[report.kind]}: ${stateWords[report.state]}`,
    cell(report.title),
    ...body,
    `<sub>${cell(where)} (${machine.fingerprint}); ${report.startedAt}, ${wait(report.durationMs / 1_000)}; Plimsoll ${report.version}</sub>`,
    ''
  ].join('\n\n')
}

const headings = { 'perf-gate': 'Performance gate', 'perf-compare': 'Performance compared' } as const

/** A table; the first two columns are words, the others numbers. */
export const table = (titles: readonly string[], rows: readonly (readonly string[])[]): string =>
  [titles, titles.map((_, i) => (i < 2 ? '---' : '---:')), ...rows.map((row) => row.map(cell))]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')

/** Text that stays in its cell and is no markup. */
export const cell = (text: string): string =>
  text
    .replaceAll('\\', '\\\\')
    .replaceAll('|', '\\|')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll(/\s*\n\s*/g, ' ')

/** Why each check came to its verdict. */
export const reasonLists = (checks: readonly PerfCheck[]): string[] =>
  checks.map(({ name, reasons }) =>
    [
      `**${cell(name)}**`,
      '',
      ...reasons.map(({ text, next }) => `- ${cell(text)}${next === undefined ? '' : `; next: ${cell(next)}`}`)
    ].join('\n')
  )

const nothing = new Array<string>(6).fill('–')

const runCells = (run: LoadRun): string[] => {
  const interval = run.intervalsMs.p95
  const range = interval
    ? ` (${milliseconds(interval[0])} to ${interval[1] === null ? '?' : milliseconds(interval[1])})`
    : ''
  return [
    count(run.total),
    perSecond(run.achievedPerS),
    milliseconds(run.latencyMs.p50),
    milliseconds(run.latencyMs.p95) + range,
    milliseconds(run.latencyMs.p99),
    run.total === 0 ? '–' : `${count(run.bad)} (${percent(run.bad / run.total, 3)})`
  ]
}

const chart = (name: string, { seconds, promised }: LoadRun): string => {
  const known = seconds.p95Ms.filter((value) => value !== null)
  if (known.length === 0) return `${cell(name)}: no second was measured`
  const range = `${milliseconds(Math.min(...known))} to ${milliseconds(Math.max(...known))}`
  return [
    '```text',
    `${name}: p95 of each second, ${range}, promised ${milliseconds(promised.thresholdMs)}`,
    sparkline(seconds.p95Ms),
    '```'
  ].join('\n')
}
