import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import type { PlanChange, PlanFault } from '../../../api/src/contract/plan.ts'
import type { Problem } from '../../../api/src/contract/primitives.ts'
import type { Output } from './output.ts'

/** The plan file as text; `-` is standard input. */
export const readPlan = (file: string): Promise<string> => (file === '-' ? text(process.stdin) : readFile(file, 'utf8'))

export const yamlHeaders = { 'content-type': 'application/yaml' } as const

/** `plan.yaml:4:7: error: …`, the form editors jump to. */
export const faultLine = (file: string, fault: PlanFault): string =>
  `${file}:${fault.line}:${fault.column}: ${fault.severity}: ${fault.text}` +
  (fault.found === undefined ? '' : `; found ${fault.found}`) +
  (fault.expected === undefined ? '' : `; expected ${fault.expected}`)

/** The faults a refused plan comes back with. */
export const faultsOf = (problem: Problem): PlanFault[] =>
  (problem.errors ?? []).map(({ line = 1, column = 1, ...fault }) => ({ ...fault, line, column, severity: 'error' }))

export const changeLines = (changes: readonly PlanChange[], output: Output): string[] =>
  changes.length === 0
    ? ['Nothing would change.']
    : changes.map((change) => `${mark(change, output)} ${change.text} (${change.effect})`)

const mark = ({ kind }: PlanChange, output: Output): string =>
  kind === 'added'
    ? output.tone('good', '+')
    : kind === 'removed'
      ? output.tone('bad', '-')
      : output.tone('careful', '~')
