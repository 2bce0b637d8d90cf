import type { PerfReport, PerfCheck } from './report.ts'
import { stateWords } from '../cli/verdict.rules.ts'

/** What of a report is written; any report that has checks fits. */
type Checked = Omit<PerfCheck, 'run'>
export type JunitReport = Pick<PerfReport, 'title' | 'state' | 'startedAt' | 'durationMs'> & {
  readonly kind: string
  readonly checks: readonly Checked[]
}

/**
 * A report as JUnit XML: a check is a test case, a broken promise its failure. What could not be
 * measured is an error, never a skipped test: those look green.
 *
 * @see the JUnit format as the Apache Ant task writes it; time is in seconds
 */
export const junitOf = ({ kind, title, state, startedAt, durationMs, checks }: JunitReport): string => {
  const count = (wanted: (check: Checked) => boolean): number => checks.filter(wanted).length
  const attributes = [
    `name="${escaped(`${kind}: ${title}`)}"`,
    `tests="${checks.length}"`,
    `failures="${count((check) => check.state === 'fail')}"`,
    `errors="${count(isUnsure)}"`,
    `skipped="0"`,
    `time="${seconds(durationMs)}"`,
    `timestamp="${startedAt}"`
  ].join(' ')
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="plimsoll" tests="${checks.length}">`,
    `  <testsuite ${attributes}>`,
    `    <properties><property name="state" value="${state}"/></properties>`,
    ...checks.map((check) => testCase(kind, check)),
    '  </testsuite>',
    '</testsuites>',
    ''
  ].join('\n')
}

const isUnsure = ({ state }: Checked): boolean => state === 'not_enough_evidence' || state === 'could_not_measure'

const testCase = (kind: string, check: Checked): string => {
  const { name, state, reasons, durationMs } = check
  const open = `    <testcase classname="plimsoll.${kind}" name="${escaped(name)}" time="${seconds(durationMs)}"`
  const text = reasons.map((reason) =>
    reason.next === undefined ? reason.text : `${reason.text}; next: ${reason.next}`
  )
  if (state !== 'fail' && !isUnsure(check)) {
    return `${open}>\n      <system-out>${escaped(text.join('\n'))}</system-out>\n    </testcase>`
  }
  const element = state === 'fail' ? 'failure' : 'error'
  const message = `${stateWords[state]}: ${decisive(check) ?? 'no reason was given'}`
  return [
    `${open}>`,
    `      <${element} type="${state}" message="${escaped(message)}">${escaped(text.join('\n'))}</${element}>`,
    '    </testcase>'
  ].join('\n')
}

/** The reason that made the verdict, as far as it can be told: what is over its limit, else what needs a next step. */
const decisive = ({ state, reasons }: Checked): string | undefined => {
  const over = reasons.find(({ value, limit }) => value !== undefined && limit !== undefined && value > limit)
  const open = reasons.find(({ next }) => next !== undefined)
  return (state === 'fail' ? (over ?? open) : (open ?? over))?.text ?? reasons[0]?.text
}

const seconds = (ms: number): string => (ms / 1_000).toFixed(3)

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** Text for XML 1.0, which has no place for control characters. */
const escaped = (text: string): string =>
  text.replaceAll(/[\p{Cc}]/gu, (c) => (c === '\n' || c === '\t' ? c : '')).replaceAll(/[&<>"]/g, (c) => entities[c]!)
