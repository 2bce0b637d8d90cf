import { isUtf8 } from 'node:buffer'
import { readDurationUs, readTimeMs, type DurationUnit } from './formats.rules.ts'
import type { SkipReason } from './skip-reason.ts'

/** What is read of one access log line. Strings are as the client sent them. */
export interface AccessLine {
  /** Unix time of the end of the request, milliseconds. */
  readonly atMs: number
  /** 0 … 999; 0: the client went away. */
  readonly status: number
  /** Microseconds, rounded up. */
  readonly durationUs: number
  readonly method: string
  readonly host: string
  /** See {@link pathOf}. */
  readonly path: string
  /** First value of the response header that names the release, one per name asked for; empty without. */
  readonly releases: readonly string[]
  /** First value of the request header that claims a traffic class; empty without. */
  readonly classClaim: string
}

export interface LineFormat {
  /** Lower-case names of response headers. */
  readonly releaseHeaders: readonly string[]
  /** Lower-case name of a request header. */
  readonly classHeader: string
  readonly durationUnit: DurationUnit
}

/** What every access log line of Caddy says in `msg`; its own error lines look alike but say something else. */
export const accessMessage = 'handled request'

/** Where headers are looked for: beside `status` for the reply, in `request` for the request. */
type Json = Readonly<Record<string, unknown>>

/**
 * Reads one line by parsing it as JSON: slow, and the definition of what a line means. The scanner
 * gives the same answer or none.
 *
 * @param bytes - the line without its line end; a byte-order mark before it is ignored
 */
export function parseLine(bytes: Buffer, format: LineFormat): AccessLine | SkipReason {
  if (!isUtf8(bytes)) return 'invalid_utf8'
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '')
  if (text.trim() === '') return 'blank'
  let line: unknown
  try {
    line = JSON.parse(text)
  } catch {
    return 'not_json'
  }
  if (!isObject(line)) return 'not_json'
  const { request } = line
  if (line['msg'] !== accessMessage || !isObject(request)) return 'not_access_log'
  const atMs = readTimeMs(line['ts'])
  if (atMs === null) return 'bad_time'
  const durationUs = readDurationUs(line['duration'], format.durationUnit)
  if (durationUs === null) return 'bad_duration'
  const status = line['status']
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 0 || status > 999) return 'bad_status'
  return {
    atMs,
    status: status + 0,
    durationUs,
    method: stringOf(request['method']),
    host: stringOf(request['host']),
    path: pathOf(stringOf(request['uri'])),
    releases: format.releaseHeaders.map((name) => headerOf(line['resp_headers'], name)),
    classClaim: headerOf(request['headers'], format.classHeader)
  }
}

/**
 * The path of a request target: what comes before the query, without scheme and authority of a
 * proxy request (`http://host/path`), still percent-encoded. `*` and `host:port` stand for themselves.
 */
export const pathOf = (uri: string): string => {
  const target = /^https?:\/\//i.test(uri) ? uri.replace(/^[^:]+:\/\/[^/?#]*/, '') : uri
  return target.replace(/[?#].*$/s, '')
}

/** First value of a header, whatever the case of its name; the last of several alike names. */
const headerOf = (headers: unknown, wanted: string): string => {
  let value = ''
  if (!isObject(headers)) return value
  for (const [name, values] of Object.entries(headers)) {
    if (name.length === wanted.length && name.toLowerCase() === wanted) {
      value = stringOf(Array.isArray(values) ? values[0] : values)
    }
  }
  return value
}

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

const stringOf = (value: unknown): string => (typeof value === 'string' ? value : '')
