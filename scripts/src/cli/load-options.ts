import { readFile } from 'node:fs/promises'
import { housePromise, type Promised } from '../../../api/src/load/line/hold.rules.ts'
import { findClassKey } from '../../../api/src/load/run/class-claim.ts'
import type { LoadSubject } from '../../../api/src/load/run/load.ts'
import { oneGet, readRequests } from '../../../api/src/load/run/requests.rules.ts'
import { readDuration, readPercent } from '../../../api/src/plan/quantities.rules.ts'
import type { Context, OperandSpec, OptionValues } from './command.ts'
import { wrongUsage } from './failure.ts'
import { plannedLoad } from './load-plan.ts'

/** What a run is judged by. */
export const promiseOptions = {
  p95: { type: 'string', value: 'TIME', description: '95 % of the requests have to be faster (200ms)' },
  errors: { type: 'string', value: 'SHARE', description: 'at most this share may fail (0.1%)' }
} as const

/** Options of every command that sends load. */
export const loadOptions = {
  requests: {
    type: 'string',
    value: 'FILE',
    description: 'what to send: a JSON array of "GET /path" or {method, path, weight, headers, body}'
  },
  timeout: { type: 'string', value: 'TIME', description: 'no reply by then: the request has failed (10s)' },
  ...promiseOptions,
  service: { type: 'string', value: 'NAME', description: 'the service of the plan that is loaded' },
  release: { type: 'string', value: 'NAME', description: 'the release that runs there' },
  insecure: { type: 'boolean', description: 'do not check the certificate of the target' },
  'yes-i-may-load': {
    type: 'string',
    value: 'HOST',
    description: 'load this host, which is not this machine; several with commas'
  }
} as const

/** What stands after `load run` and `load line`. */
export const loadOperands = [
  { name: 'URL', description: 'what to load; or a service of the plan (PLAN_FILE) that has a load section' },
  { name: 'FILE', description: 'with --json: write the document there', optional: true }
] as const satisfies readonly OperandSpec[]

type Given = OptionValues<typeof loadOptions>

/** The subject of a load test, from operands and options. */
export async function subjectOf(
  text: string,
  given: Given,
  { env, output }: Pick<Context, 'env' | 'output'>
): Promise<LoadSubject & { readonly maxRatePerS?: number }> {
  const { key, shared } = findClassKey(env)
  if (!shared) {
    output.note(
      'no CLASS_KEY and no DATA_DIR/class.key here: a Plimsoll that watches the target counts this load as users'
    )
  }
  if (!isUrl(text)) {
    const planned = await plannedLoad(text, { release: given.release ?? null, classKey: key }, { env })
    return {
      ...planned,
      ...(given.requests !== undefined && { requests: readRequests(await readFile(given.requests, 'utf8')) }),
      ...(given.timeout !== undefined && { timeoutMs: duration('timeout', given.timeout, '10s') }),
      promised: promisedBy(given, planned.promised),
      verifyTls: !given.insecure
    }
  }
  const url = targetUrl(text)
  return {
    url,
    requests: given.requests === undefined ? [oneGet(url)] : readRequests(await readFile(given.requests, 'utf8')),
    allowed: (given['yes-i-may-load'] ?? '').split(','),
    verifyTls: !given.insecure,
    classKey: key,
    promised: promisedBy(given),
    timeoutMs: duration('timeout', given.timeout, '10s'),
    service: given.service ?? null,
    release: given.release ?? null,
    directory: process.cwd()
  }
}

/** `--json FILE` may stand before the URL: what is a URL is the target. */
export function readTarget(
  title: string,
  operands: readonly string[],
  json: boolean
): { url: string; file: string | undefined } {
  const url = operands.find(isUrl) ?? operands[0]!
  const file = operands.find((text) => text !== url)
  if (file !== undefined && !json) {
    throw wrongUsage(`${title} does not know what to do with ${file}`, '--json FILE writes the result to a file')
  }
  return { url, file }
}

const isUrl = (text: string): boolean => /^https?:/i.test(text)

const targetUrl = (text: string): URL => {
  const url = URL.parse(text)
  if (url && /^https?:$/.test(url.protocol)) return url
  throw wrongUsage(`${text} is no http or https URL`, 'for example http://127.0.0.1:3000/api/items')
}

/** The promise a command line names; what it does not name is that of the plan, or the house's. */
export const promisedBy = (
  { p95, errors }: OptionValues<typeof promiseOptions>,
  otherwise: Promised = housePromise
): Promised => {
  const errorRatio = errors === undefined ? otherwise.errorRatio : readPercent(errors)
  if (errorRatio === null || !(errorRatio > 0 && errorRatio < 1)) {
    throw wrongUsage(`--errors ${errors} is no share`, 'for example --errors 0.1%')
  }
  const thresholdMs = p95 === undefined ? otherwise.thresholdMs : duration('p95', p95, '200ms')
  return { ...otherwise, thresholdMs, errorRatio }
}

/** An option's duration, milliseconds, above 0. */
export function duration(name: string, text: string | undefined, fallback: string): number {
  const ms = readDuration(text ?? fallback)
  if (ms === null || ms <= 0) throw wrongUsage(`--${name} ${text} is no duration`, `for example --${name} ${fallback}`)
  return ms
}

/** Load that is not counted, milliseconds; 0s is none. */
export const warmUp = (text: string | undefined, fallback: string): number =>
  (text ?? fallback) === '0s' ? 0 : duration('warm-up', text, fallback)

/** An option's number within limits. */
export function number(
  name: string,
  text: string,
  { min, max, whole = false }: { min: number; max: number; whole?: boolean }
): number {
  const value = Number(text)
  if (Number.isFinite(value) && value >= min && value <= max && (!whole || Number.isInteger(value))) return value
  throw wrongUsage(
    `--${name} ${text} is out of range`,
    `${whole ? 'a whole number' : 'a number'} from ${min} to ${max}`
  )
}
