import { milliseconds, perSecond } from '../../cli/format.rules.ts'
import { cell, marked, page, reasonLists, table } from '../markdown.rules.ts'
import type { CompareReport, RoundInBrief } from '../report.ts'
import { sparkline } from '../sparkline.rules.ts'

/** What a comparison found as GitHub shows it on the page of a job. */
export const compareMarkdown = (report: CompareReport): string =>
  page(report, [
    table(
      ['measure', 'verdict', 'head against base', 'rounds'],
      report.checks.map(({ name, state, reasons }) => {
        const measured = reasons.find(({ unit, value }) => unit === 'ratio' && value !== undefined)
        const change = measured?.value === undefined ? '–' : `×${measured.value.toFixed(3)}`
        return [name, marked(state), change, String(measured?.samples ?? 0)]
      })
    ),
    ...charts(report.rounds),
    ...reasonLists(report.checks),
    ...leftOut(report.leftOut),
    `base ${cell(report.base.name)}, head ${cell(report.head.name)}; coin ${report.seed}`
  ])

const charts = (rounds: CompareReport['rounds']): string[] => {
  if (rounds.length === 0) return []
  const p95 = (side: RoundInBrief | null): number | null => side?.p95Ms ?? null
  const good = (side: RoundInBrief | null): number | null => side?.goodPerS ?? null
  return [
    [
      '```text',
      ...chart('p95', rounds, p95, milliseconds),
      ...chart('answered in time at saturation', rounds, good, perSecond),
      '```'
    ].join('\n')
  ]
}

const chart = (
  name: string,
  rounds: CompareReport['rounds'],
  value: (side: RoundInBrief | null) => number | null,
  say: (value: number) => string
): string[] => {
  const rows = { base: rounds.map(({ base }) => value(base)), head: rounds.map(({ head }) => value(head)) }
  const highest = Math.max(...[...rows.base, ...rows.head].map((each) => each ?? 0))
  return [
    `${name}, by round; a full bar is ${say(highest)}`,
    ...Object.entries(rows)
      .filter(([, values]) => values.some((each) => each !== null))
      .map(([side, values]) => `  ${side} ${sparkline(values, { highest })}`)
  ]
}

const leftOut = (why: readonly string[]): string[] =>
  why.length === 0 ? [] : [`${why.length} rounds left out: ${cell([...new Set(why)].join('; '))}`]
