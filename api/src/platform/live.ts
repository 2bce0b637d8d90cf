import { randomBytes } from 'node:crypto'
import type { LiveEvents } from '../contract/index.ts'
import type { Cancel, Clock } from './clock.ts'

export type LiveEventName = keyof LiveEvents

/** One reader of the stream, as the hub sees it. */
export interface LiveClient {
  /** Wants events of this service alone; null: of all. */
  readonly service: string | null
  /** Bytes that were written and not yet taken by the network. */
  bufferedBytes(): number
  write(frame: string): void
  /** Ends the stream after what was written. */
  end(): void
}

export interface LiveHubOptions {
  readonly clock: Clock
  readonly maxClients: number
  /** Events kept for readers that come back, count. */
  readonly keptEvents?: number
  /** Bytes a slow reader may be behind before it is dropped. */
  readonly maxBufferedBytes?: number
  readonly heartbeatMs?: number
}

interface Kept {
  readonly id: number
  readonly name: LiveEventName
  readonly data: LiveEvents[LiveEventName]
  /** Text per wanted service ('' for all), made when first asked for. */
  readonly frames: Map<string, string | null>
}

/**
 * Tells every open page what happens. Events are numbered; a reader that comes back with the number
 * of its last one gets what it missed, or a `reset` when that is no longer kept. A reader too slow
 * to keep up is dropped with a `reset`, so memory is bounded whatever the readers do.
 */
export class LiveHub {
  #clients = new Set<LiveClient>()
  #kept: Kept[] = []
  #nextId = 1
  /** Numbers of another process mean nothing here. */
  #epoch = randomBytes(6).toString('hex')
  #stopHeartbeat: Cancel
  #closed = false
  readonly #options: Required<LiveHubOptions>
  readonly #beforeShared = new Map<LiveEventName, () => Promise<void>>()
  /** Told of events that readers of other instances are to have, too. */
  onShared: <Name extends LiveEventName>(name: Name, data: LiveEvents[Name]) => void = () => {}
  /** Called for every reader that is dropped for being slow. */
  onDropped: () => void = () => {}

  constructor(options: LiveHubOptions) {
    this.#options = { keptEvents: 512, maxBufferedBytes: 262_144, heartbeatMs: 15_000, ...options }
    this.#stopHeartbeat = options.clock.every(this.#options.heartbeatMs, () => this.#send(() => ': heartbeat\n\n'))
  }

  get clients(): number {
    return this.#clients.size
  }

  get isFull(): boolean {
    return this.#closed || this.#clients.size >= this.#options.maxClients
  }

  /** Sends an event to every reader that wants it. Never throws, never waits. */
  publish<Name extends LiveEventName>(name: Name, data: LiveEvents[Name]): void {
    const event: Kept = { id: this.#nextId++, name, data, frames: new Map() }
    this.#kept.push(event)
    if (this.#kept.length > this.#options.keptEvents) this.#kept.shift()
    this.#send((client) => this.#frame(event, client.service))
    event.frames.clear() // readers that come back are few: their text is made again
  }

  /** As {@link LiveHub.publish}, and to the readers of all other instances. */
  share<Name extends LiveEventName>(name: Name, data: LiveEvents[Name]): void {
    this.publish(name, data)
    this.onShared(name, data)
  }

  /** What is done here before readers are told what another instance shared, so that they find it. */
  beforeShared(name: LiveEventName, task: () => Promise<void>): void {
    this.#beforeShared.set(name, task)
  }

  /** Takes an event that another instance shared. */
  async receive<Name extends LiveEventName>(name: Name, data: LiveEvents[Name]): Promise<void> {
    await this.#beforeShared.get(name)?.()
    this.publish(name, data)
  }

  /** Something may have been missed: everybody reads everything again. */
  reset(reason: string): void {
    this.publish('reset', { reason })
  }

  /**
   * Adds a reader and sends what it missed.
   *
   * @param lastEventId - the `Last-Event-ID` it came with; undefined for a new reader
   * @returns a function that removes it
   */
  join(client: LiveClient, lastEventId?: string): () => void {
    client.write('retry: 2000\n\n')
    if (lastEventId) for (const frame of this.#missed(client, lastEventId)) client.write(frame)
    this.#clients.add(client)
    return () => void this.#clients.delete(client)
  }

  /** Ends every stream; nobody can join any more. */
  close(): void {
    this.#closed = true
    this.#stopHeartbeat()
    for (const client of this.#clients) client.end()
    this.#clients.clear()
  }

  #missed(client: LiveClient, lastEventId: string): string[] {
    const [epoch, last] = lastEventId.split('-')
    const oldest = this.#kept[0]?.id ?? this.#nextId
    const from = Number(last) + 1
    if (epoch !== this.#epoch || !(from >= oldest && from <= this.#nextId)) {
      return [this.#reset('what happened since is no longer kept')]
    }
    return this.#kept
      .filter(({ id }) => id >= from)
      .map((event) => this.#frame(event, client.service))
      .filter((frame) => frame !== null)
  }

  #send(frameFor: (client: LiveClient) => string | null): void {
    for (const client of this.#clients) {
      const frame = frameFor(client)
      if (frame === null) continue
      if (client.bufferedBytes() + frame.length > this.#options.maxBufferedBytes) this.#drop(client)
      else client.write(frame)
    }
  }

  #drop(client: LiveClient): void {
    this.onDropped()
    this.#clients.delete(client)
    client.write(this.#reset('this reader was too slow'))
    client.end()
  }

  /** Carries the newest number, so that what comes after it can be resumed. */
  #reset(reason: string): string {
    return frame(`${this.#epoch}-${this.#nextId - 1}`, 'reset', { reason })
  }

  #frame(event: Kept, service: string | null): string | null {
    const key = service ?? ''
    let text = event.frames.get(key)
    if (text === undefined) {
      const data = service === null ? event.data : onlyOf(service, event.name, event.data)
      text = data && frame(`${this.#epoch}-${event.id}`, event.name, data)
      event.frames.set(key, text)
    }
    return text
  }
}

const frame = (id: string, name: LiveEventName, data: unknown): string =>
  `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`

/** The part of an event that is about one service; null when none is. */
const onlyOf = (
  service: string,
  name: LiveEventName,
  data: LiveEvents[LiveEventName]
): LiveEvents[LiveEventName] | null => {
  if (name === 'slices') {
    const { atMs, services } = data as LiveEvents['slices']
    const own = services[service]
    return own ? { atMs, services: { [service]: own } } : null
  }
  if (name === 'state' || name === 'alert')
    return (data as LiveEvents['state' | 'alert']).service === service ? data : null
  return data
}
