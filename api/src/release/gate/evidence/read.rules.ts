import sax from 'sax'
import type { ExternalEvidence } from '../../../contract/gate.ts'
import type { State } from '../../../contract/primitives.ts'
import { judgeRun } from './k6.rules.ts'
import { Unreadable, type Reading } from './reading.ts'

const bare = { version: null, environment: null, group: null, expiresAt: null }

/**
 * What a piece of evidence says.
 *
 * @param text - the body as it came
 * @throws Unreadable
 */
export const readEvidence = (kind: ExternalEvidence['kind'], text: string): Reading => {
  if (kind === 'junit') return readJunit(text)
  const body = parse(text)
  if (kind === 'k6') return { ...bare, ...judgeRun(text, body) }
  return kind === 'alertmanager' ? readAlertmanager(body) : readStatement(body)
}

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const parse = (text: string): Fields => {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    throw new Unreadable('it is not JSON')
  }
  if (!isFields(body)) throw new Unreadable('it is not a JSON object')
  return body
}

const states: readonly State[] = ['pass', 'fail', 'warn', 'not_enough_evidence', 'could_not_measure']

const textOr = (value: unknown, other: string | null, name: string): string | null => {
  if (value === undefined || value === null) return other
  if (typeof value === 'string' && value.length > 0 && value.length <= 2_000) return value
  throw new Unreadable(`\`${name}\` is not a text of 1 to 2000 characters`)
}

/** `{ state, text, version?, environment?, expiresAt? }`. */
const readStatement = (body: Fields): Reading => {
  const state = states.find((one) => one === body['state'])
  if (!state) throw new Unreadable(`\`state\` is none of ${states.join(', ')}`)
  const expiresAt = textOr(body['expiresAt'], null, 'expiresAt')
  if (expiresAt !== null && Number.isNaN(Date.parse(expiresAt))) throw new Unreadable('`expiresAt` is no time')
  return {
    state,
    text: textOr(body['text'], state, 'text') ?? state,
    version: textOr(body['version'], null, 'version'),
    environment: textOr(body['environment'], null, 'environment'),
    group: null,
    expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString()
  }
}

/** An Alertmanager webhook, version 4: one group of alerts, each firing or resolved. */
const readAlertmanager = (body: Fields): Reading => {
  const { version, alerts, groupKey } = body
  if (version !== '4' || !Array.isArray(alerts) || typeof groupKey !== 'string') {
    throw new Unreadable('it is no Alertmanager webhook of version 4')
  }
  const firing = alerts.filter((alert: unknown) => isFields(alert) && alert['status'] === 'firing') as Fields[]
  const names = [...new Set(firing.map(nameOf))]
  return {
    ...bare,
    state: firing.length > 0 ? 'fail' : 'pass',
    text: firing.length > 0 ? `firing: ${names.slice(0, 5).join(', ')}` : 'nothing is firing',
    group: groupKey.slice(0, 512)
  }
}

const nameOf = (alert: Fields): string => {
  const labels = isFields(alert['labels']) ? alert['labels'] : {}
  const name = labels['alertname']
  return typeof name === 'string' ? name.slice(0, 200) : 'an alert without a name'
}

/** JUnit's XML: cases are counted by what they hold, for tools disagree on the totals they write. */
const readJunit = (text: string): Reading => {
  const counts = { cases: 0, failed: 0, skipped: 0 }
  let firstFailed = ''
  let current = { name: '', failed: false, skipped: false }
  let root = ''
  const parser = Object.assign(sax.parser(true), {
    ondoctype() {
      throw new Unreadable('a document type is not read')
    },
    onerror(error: Error) {
      throw new Unreadable(`it is not XML: ${error.message.split('\n', 1)[0]}`)
    },
    onopentag({ name, attributes }: sax.Tag) {
      root ||= name
      if (name === 'testcase') current = { name: attributes['name'] ?? '', failed: false, skipped: false }
      if (name === 'failure' || name === 'error') current.failed = true
      if (name === 'skipped') current.skipped = true
    },
    onclosetag(name: string) {
      if (name !== 'testcase') return
      counts.cases++
      if (current.failed) counts.failed++
      else if (current.skipped) counts.skipped++
      if (current.failed) firstFailed ||= current.name
    }
  })
  parser.write(text).close()
  if (root !== 'testsuites' && root !== 'testsuite') throw new Unreadable('it is no JUnit file')
  return { ...bare, ...judgeCases(counts, firstFailed) }
}

interface Cases {
  readonly cases: number
  readonly failed: number
  readonly skipped: number
}

const judgeCases = ({ cases, failed, skipped }: Cases, firstFailed: string): Pick<Reading, 'state' | 'text'> => {
  const ran = cases - skipped
  if (failed > 0) {
    return { state: 'fail', text: `${failed} of ${ran} tests fail, the first: ${firstFailed.slice(0, 200)}` }
  }
  if (ran === 0) return { state: 'could_not_measure', text: 'no test ran' }
  return { state: 'pass', text: `${ran} tests pass` + (skipped > 0 ? `, ${skipped} were skipped` : '') }
}
