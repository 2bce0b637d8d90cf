import { Ajv, type ErrorObject } from 'ajv'
import addFormats from 'ajv-formats'
import { PushedEvent, type PushReply } from '../../contract/index.ts'
import { defaultFutureToleranceMs } from '../accumulator.ts'
import type { BodyLine } from './lines.ts'
import { pushLimits } from './limits.rules.ts'

export type Rejection = PushReply['rejected'][number]

/** A line that cannot be counted. */
export interface BadLine {
  readonly kind: 'rejected'
  readonly rejection: Rejection
  /** Null when it does not say whose event it is, or of nobody we know. */
  readonly service: string | null
}

/** A line that can be counted. */
export interface ReadEvent {
  readonly kind: 'event'
  readonly event: PushedEvent
  /** When it happened, Unix ms. */
  readonly atMs: number
}

/** What the plan and the store say about events. */
export interface PushRules {
  readonly nowMs: number
  /** Start of the oldest slice that is kept, Unix ms. */
  readonly oldestMs: number
  /** Whether the caller may push events of a service. */
  readonly mayPush: (service: string) => boolean
  /** Whether events of a service may be pushed; null: there is no such service. */
  readonly takes: (service: string) => boolean | null
}

const ajv = addFormats.default(new Ajv({ strict: false }), ['date-time'])
const isEvent = ajv.compile<PushedEvent>(PushedEvent)

/** Reads and checks a line by itself. */
export function readEvent(line: BodyLine, rules: PushRules): ReadEvent | BadLine {
  const reject = (code: string, detail: string, service: string | null = null): BadLine => ({
    kind: 'rejected',
    rejection: { line: line.number, code, detail },
    service
  })
  if (line.text === null) {
    return line.fault === 'too_long'
      ? reject('line_too_long', `longer than ${pushLimits.lineBytes} bytes`)
      : reject('not_utf8', 'the line is not UTF-8')
  }
  let event: unknown
  try {
    event = JSON.parse(line.text)
  } catch (error) {
    return reject('not_json', error instanceof Error ? error.message : 'not JSON')
  }
  if (!isEvent(event)) return reject('invalid_event', describe(isEvent.errors ?? []))
  const { service } = event
  if (!rules.mayPush(service)) return reject('service_not_in_scope', `you may not push events of ${service}`)
  const takes = rules.takes(service)
  if (takes === null) return reject('unknown_service', `there is no service ${service} in the plan`)
  if (!takes) return reject('no_push_signal', `${service} takes no pushes: add \`push\` to its signals in the plan`)
  const atMs = event.at === undefined ? rules.nowMs : Date.parse(event.at)
  if (atMs > rules.nowMs + defaultFutureToleranceMs) {
    const aheadS = Math.round((atMs - rules.nowMs) / 1_000)
    return reject('from_future', `${event.at} is ${aheadS} s ahead of this server's clock`, service)
  }
  if (atMs < rules.oldestMs) {
    return reject(
      'too_old',
      `${event.at} is before ${new Date(rules.oldestMs).toISOString()}, the oldest that is kept`,
      service
    )
  }
  return { kind: 'event', event, atMs }
}

const describe = ([first]: readonly ErrorObject[]): string => {
  if (!first) return 'not an event'
  const { instancePath, keyword, message = 'is not allowed', params } = first
  const name = instancePath.slice(1).replaceAll('/', '.') || 'the line'
  if (keyword === 'additionalProperties') return `the field ${String(params['additionalProperty'])} is not known`
  return `${name} ${message}`
}
