import type { GateRule, Verdict } from '../../../api/src/contract/gate.ts'
import type { Reason } from '../../../api/src/contract/primitives.ts'
import { effectOf } from '../../../api/src/release/gate/effect.rules.ts'
import { cell, marked, table } from '../perf/markdown.rules.ts'

/** A rule as a test case: its sentence, then what it looked at. */
export const checkOf = (rule: GateRule) => ({
  name: rule.title,
  state: effectOf(rule),
  durationMs: 0,
  reasons: [
    { code: rule.rule, text: rule.text, ...(rule.next !== null && { next: rule.next }) },
    ...rule.parts
  ] satisfies Reason[]
})

/** A number of a rule with its unit; ratios as percentages. */
export const figure = (value: number | null, unit: string | null): string => {
  if (value === null) return ''
  if (unit === 'ratio') return `${Number((value * 100).toPrecision(4))} %`
  return `${Number(value.toPrecision(6))}${unit === null ? '' : ` ${unit}`}`
}

/** The verdict as GitHub shows it on the page of a job. */
export const verdictMarkdown = (verdict: Verdict): string =>
  [
    `## ${marked(verdict.state)}: ${cell(`${verdict.service} ${verdict.version} to ${verdict.environment}`)}`,
    cell(verdict.text),
    table(
      ['rule', 'says', 'value', 'limit', 'samples'],
      verdict.rules.map((rule) => [
        rule.title,
        `${marked(effectOf(rule))} ${rule.text}`,
        figure(rule.value, rule.unit),
        figure(rule.limit, rule.unit),
        rule.samples === null ? '' : String(rule.samples)
      ])
    ),
    ...nextSteps(verdict).map((step) => `- ${cell(step)}`),
    `<sub>verdict ${verdict.id}, ${verdict.at}, asked by ${cell(verdict.askedBy)}; evidence sha256:${verdict.evidenceSha256}</sub>`,
    ''
  ].join('\n\n')

/** What to do about each rule that stops or warns. */
export const nextSteps = ({ rules }: Verdict): string[] =>
  rules.flatMap((rule) => (effectOf(rule) === 'pass' || rule.next === null ? [] : [`${rule.title}: ${rule.next}`]))
