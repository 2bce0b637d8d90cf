import { importUnknown } from '../errors.ts'
import type { ForeignRun, ForeignSample, ForeignSummary } from './foreign.rules.ts'

type Document = Readonly<Record<string, unknown>>

/**
 * Reads the JSON of k6, vegeta, oha or autocannon; which of them wrote it is told by its keys.
 *
 * @throws PLIMSOLL_LOAD_FILE_UNKNOWN when it is none of them
 */
export const readForeign = (text: string): ForeignRun => {
  const whole = parse(text)
  if (whole !== null) {
    const found = readSummary(whole) ?? readLines([whole])
    if (found) return found
    throw importUnknown(`it has the keys ${Object.keys(whole).slice(0, 8).join(', ')}`)
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  const documents = lines.map(parse)
  const broken = documents.indexOf(null)
  if (lines.length === 0) throw importUnknown('it is empty')
  // a tool that was killed leaves half a last line
  if (broken >= 0 && broken < documents.length - 1) throw importUnknown(`line ${broken + 1} is no JSON object`)
  const found = readLines(documents.filter((document) => document !== null))
  if (!found) throw importUnknown('its lines are of no known shape')
  return found
}

const parse = (text: string): Document | null => {
  try {
    const value: unknown = JSON.parse(text)
    return isDocument(value) ? value : null
  } catch {
    return null // one document, or one a line: whichever reads
  }
}

const isDocument = (value: unknown): value is Document =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const part = (document: Document, key: string): Document => {
  const value = document[key]
  return isDocument(value) ? value : {}
}

const number = (value: unknown): number | null => (typeof value === 'number' && Number.isFinite(value) ? value : null)

const count = (value: unknown): number => Math.max(0, Math.round(number(value) ?? 0))

const counts = (document: Document): Record<string, number> =>
  Object.fromEntries(Object.entries(document).map(([key, value]) => [key, count(value)]))

const sum = (record: Readonly<Record<string, number>>, isWanted: (key: string) => boolean = () => true): number =>
  Object.entries(record).reduce((total, [key, n]) => (isWanted(key) ? total + n : total), 0)

const isServerError = (status: string): boolean => /^5\d\d$/.test(status)

const summaryOf = (tool: ForeignRun['tool'], summary: ForeignSummary): ForeignRun => ({ tool, samples: null, summary })

const readSummary = (document: Document): ForeignRun | null => {
  if (isDocument(document['metrics'])) return k6Summary(part(document, 'metrics'), document)
  if ('latencies' in document && 'status_codes' in document) return vegetaReport(document)
  if ('latencyPercentiles' in document && 'statusCodeDistribution' in document) return ohaReport(document)
  if ('latency' in document && 'requests' in document && '2xx' in document) return autocannonReport(document)
  return null
}

/** `--summary-export` puts values beside the name, `handleSummary` below `values`. */
const k6Summary = (metrics: Document, document: Document): ForeignRun => {
  const metric = (name: string): Document => {
    const found = part(metrics, name)
    return isDocument(found['values']) ? part(found, 'values') : found
  }
  const duration = metric('http_req_duration')
  const requests = metric('http_reqs')
  const failed = metric('http_req_failed')
  const total = count(requests['count'])
  const ratePerS = number(requests['rate'])
  const givenMs = number(part(document, 'state')['testRunDurationMs'])
  // k6 counts 4xx as failed too, unless the script says otherwise: what it calls failed is kept
  const bad = Math.round((number(failed['value']) ?? number(failed['rate']) ?? 0) * total)
  return summaryOf('k6', {
    startedAtMs: null,
    durationMs: givenMs ?? (ratePerS ? (total / ratePerS) * 1_000 : 0),
    total,
    bad,
    latencyMs: {
      p50: number(duration['med']),
      p90: number(duration['p(90)']),
      p95: number(duration['p(95)']),
      p99: number(duration['p(99)']),
      max: number(duration['max'])
    },
    statuses: {},
    failures: bad > 0 ? { failed: bad } : {}
  })
}

const nsToMs = (value: unknown): number | null => {
  const ns = number(value)
  return ns === null ? null : ns / 1e6
}

const vegetaReport = (document: Document): ForeignRun => {
  const latencies = part(document, 'latencies')
  const { '0': lost = 0, ...statuses } = counts(part(document, 'status_codes'))
  const startedAtMs = Date.parse(String(document['earliest']))
  return summaryOf('vegeta', {
    startedAtMs: Number.isNaN(startedAtMs) ? null : startedAtMs,
    durationMs: nsToMs(document['duration']) ?? 0,
    total: count(document['requests']),
    bad: lost + sum(statuses, isServerError),
    latencyMs: {
      p50: nsToMs(latencies['50th']),
      p90: nsToMs(latencies['90th']),
      p95: nsToMs(latencies['95th']),
      p99: nsToMs(latencies['99th']),
      max: nsToMs(latencies['max'])
    },
    statuses,
    failures: lost > 0 ? { other: lost } : {}
  })
}

const ohaReport = (document: Document): ForeignRun => {
  const percentiles = part(document, 'latencyPercentiles')
  const summary = part(document, 'summary')
  const statuses = counts(part(document, 'statusCodeDistribution'))
  const failures = counts(part(document, 'errorDistribution'))
  const toMs = (value: unknown): number | null => {
    const seconds = number(value)
    return seconds === null ? null : seconds * 1_000
  }
  return summaryOf('oha', {
    startedAtMs: null,
    durationMs: toMs(summary['total']) ?? 0,
    total: sum(statuses) + sum(failures),
    bad: sum(failures) + sum(statuses, isServerError),
    latencyMs: {
      p50: toMs(percentiles['p50']),
      p90: toMs(percentiles['p90']),
      p95: toMs(percentiles['p95']),
      p99: toMs(percentiles['p99']),
      max: toMs(summary['slowest'])
    },
    statuses,
    failures
  })
}

/** It has no p95, and its latencies are of replies alone: timeouts are counted, and never timed. */
const autocannonReport = (document: Document): ForeignRun => {
  const latency = part(document, 'latency')
  const timeouts = count(document['timeouts'])
  const errors = count(document['errors'])
  const startedAtMs = Date.parse(String(document['start']))
  const statuses = Object.fromEntries(
    Object.entries(part(document, 'statusCodeStats')).map(([status, stats]) => [
      status,
      count(isDocument(stats) ? stats['count'] : 0)
    ])
  )
  // every timeout is also one of the errors
  const failures = {
    ...(timeouts > 0 && { timeout: timeouts }),
    ...(errors > timeouts && { other: errors - timeouts })
  }
  const answered = count(part(document, 'requests')['total'])
  return summaryOf('autocannon', {
    startedAtMs: Number.isNaN(startedAtMs) ? null : startedAtMs,
    durationMs: (number(document['duration']) ?? 0) * 1_000,
    total: answered + sum(failures),
    bad: sum(failures) + count(document['5xx']),
    latencyMs: {
      p50: number(latency['p50']),
      p90: number(latency['p90']),
      p95: null,
      p99: number(latency['p99']),
      max: number(latency['max'])
    },
    statuses,
    failures
  })
}

const readLines = (documents: readonly Document[]): ForeignRun | null => {
  const isK6 = documents.some((document) => document['type'] === 'Point' || document['type'] === 'Metric')
  if (isK6) return { tool: 'k6', samples: documents.flatMap(k6Point), summary: null }
  const isVegeta = documents.some((document) => 'latency' in document && 'timestamp' in document && 'seq' in document)
  return isVegeta ? { tool: 'vegeta', samples: documents.flatMap(vegetaResult), summary: null } : null
}

const k6Point = (document: Document): ForeignSample[] => {
  if (document['type'] !== 'Point' || document['metric'] !== 'http_req_duration') return []
  const data = part(document, 'data')
  const tags = part(data, 'tags')
  const latencyMs = number(data['value'])
  const atMs = Date.parse(String(data['time']))
  if (latencyMs === null || Number.isNaN(atMs)) return []
  // 1050: k6's code of a request that timed out
  const timedOut = String(tags['error_code']) === '1050'
  return [{ atMs: atMs - latencyMs, latencyMs, status: Number(tags['status'] ?? 0) || 0, timedOut }]
}

const vegetaResult = (document: Document): ForeignSample[] => {
  const latencyMs = nsToMs(document['latency'])
  const atMs = Date.parse(String(document['timestamp']))
  if (latencyMs === null || Number.isNaN(atMs)) return []
  const timedOut = /timeout|deadline exceeded/i.test(JSON.stringify(document['error'] ?? ''))
  return [{ atMs, latencyMs, status: count(document['code']), timedOut }]
}
