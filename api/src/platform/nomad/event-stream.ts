import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import { nomadStreamBroken } from './errors.ts'
import type { NomadHttp } from './http.ts'

export type EventTopics = Readonly<
  Partial<Record<'Deployment' | 'Job' | 'Allocation' | 'Evaluation', readonly string[]>>
>

export interface NomadEvent {
  readonly topic: string
  readonly type: string
  readonly key: string
  readonly namespace: string
  readonly payload: Readonly<Record<string, unknown>>
}

export interface EventBatch {
  /** Resume after it. */
  readonly index: number
  readonly events: readonly NomadEvent[]
}

/** Nomad sends `{}` every 30 s; longer silence than this is a dead connection. */
const silenceMs = 45_000

/** Bytes a line may have before the stream is given up; an allocation has about 20 kB. */
const lineLimit = 16 * 1024 * 1024

/**
 * Events as they come over one connection, each index once. The stream is a hint, not the truth:
 * Nomad forgets old events, so whoever connects reads the state again.
 *
 * @throws nomadStreamBroken when it ends, falls silent or makes no sense
 */
export async function* streamEvents(
  http: NomadHttp,
  clock: Clock,
  { topics, fromIndex, signal }: { topics: EventTopics; fromIndex: number; signal: AbortSignal }
): AsyncGenerator<EventBatch> {
  const silence = new AbortController()
  const either = AbortSignal.any([signal, silence.signal])
  let cancel = clock.after(silenceMs, () => silence.abort())
  try {
    const body = await http.stream(`/v1/event/stream?${topicQuery(topics)}`, {
      query: { index: fromIndex > 0 ? fromIndex : undefined },
      signal: either
    })
    let last = fromIndex
    for await (const line of lines(body)) {
      cancel()
      cancel = clock.after(silenceMs, () => silence.abort())
      const batch = readBatch(line)
      // what is resumed at is sent once more
      if (batch === null || batch.index <= last) continue
      last = batch.index
      yield batch
    }
    throw nomadStreamBroken('Nomad closed the event stream')
  } catch (error) {
    if (signal.aborted) return
    if (silence.signal.aborted) throw nomadStreamBroken(`no event and no heartbeat for ${silenceMs / 1_000} s`)
    if (error instanceof Error && 'title' in error) throw error
    throw nomadStreamBroken(`the event stream broke: ${messageOf(error)}`, { cause: error })
  } finally {
    cancel()
    silence.abort()
  }
}

const topicQuery = (topics: EventTopics): string =>
  Object.entries(topics)
    .flatMap(([topic, keys]) => keys.map((key) => `topic=${encodeURIComponent(`${topic}:${key}`)}`))
    .join('&')

async function* lines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = parts.pop()!
    if (rest.length > lineLimit) throw nomadStreamBroken('the event stream sent a line without end')
    yield* parts
  }
}

interface WireBatch {
  readonly Index?: number
  readonly Events?: readonly {
    readonly Topic?: string
    readonly Type?: string
    readonly Key?: string
    readonly Namespace?: string
    readonly Payload?: Readonly<Record<string, unknown>> | null
  }[]
}

/** Null: a heartbeat or an empty line. */
function readBatch(line: string): EventBatch | null {
  if (line.trim() === '') return null
  let wire: WireBatch | null
  try {
    wire = JSON.parse(line) as WireBatch | null
  } catch (cause) {
    throw nomadStreamBroken('the event stream sent what is no JSON', { cause })
  }
  if (!wire?.Index || !wire.Events) return null
  return {
    index: wire.Index,
    events: wire.Events.map((event) => ({
      topic: event.Topic ?? '',
      type: event.Type ?? '',
      key: event.Key ?? '',
      namespace: event.Namespace ?? '',
      payload: event.Payload ?? {}
    }))
  }
}
