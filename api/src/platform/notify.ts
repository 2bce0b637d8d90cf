import type { FastifyBaseLogger } from 'fastify'
import fp from 'fastify-plugin'
import type { Kysely, Selectable } from 'kysely'
import type { Cancel, Clock } from './clock.ts'
import type { DeliveriesTable, Tables } from './database/tables.ts'
import { messageOf } from './errors.ts'
import { addressGuard, strictGuard, type AddressGuard } from './guard/address-guard.ts'
import { leadsAlone, type Leadership } from './lease.ts'
import { Counter } from './metrics.ts'
import { afterAttempt, type Attempt } from './notify.rules.ts'
import { postWebhook, receiverName, type Receiver } from './webhook.ts'

export type { Receiver }

/** A message for all receivers. */
export interface Notification {
  /** Unique per message: sending the same id again does nothing. */
  readonly id: string
  /** The same for every message about one thing: receivers fold them into one. */
  readonly dedupKey: string
  /** Sent as JSON. */
  readonly body: object
  /** What it is about: receivers choose by it. */
  readonly labels?: Readonly<Record<string, string>>
}

export interface DeliveryStatus {
  readonly receiver: string
  readonly state: 'pending' | 'delivered' | 'failed'
  readonly attempts: number
  readonly lastError: string | null
}

export interface NotifierOptions {
  readonly db: Kysely<Tables>
  readonly clock: Clock
  readonly log: FastifyBaseLogger
  /** Told of everything, whatever {@link Notifier.use} adds. */
  readonly urls: readonly string[]
  /** Signs bodies for `urls`; empty: unsigned. */
  readonly secret: string
  /** How long one of `urls` may take to answer, ms. */
  readonly timeoutMs: number
  /** Who delivers for all instances; whoever runs alone does. */
  readonly lease?: Pick<Leadership, 'isLeader' | 'act'>
  /** What may be told; the strict one unless given. */
  readonly guard?: AddressGuard
  readonly random?: () => number
  readonly onOutcome?: (outcome: 'delivered' | 'failed' | 'retried') => void
}

/** How often the table is looked at, ms. */
const pollMs = 1_000

/** Messages in flight at once, over all receivers. */
const maxInFlight = 8

/** Messages waiting at most; beyond it the oldest are given up. */
const maxPending = 10_000

const largestBodyBytes = 262_144

type Delivery = Selectable<DeliveriesTable>

/**
 * Delivers messages to webhooks: at least once, in order per receiver and key, from a table that
 * survives a restart. Whoever enqueues never waits for a receiver. Of several instances the leader
 * delivers; a message that two have sent nevertheless, because one was frozen over it, carries the
 * same idempotency key both times.
 */
export class Notifier {
  #options: Required<NotifierOptions>
  #always: readonly Receiver[] = []
  #ofPlan: readonly Receiver[] = []
  #receivers: readonly Receiver[] = []
  #stopPolling: Cancel
  #closing = new AbortController()
  #round: Promise<void> | null = null

  constructor(options: NotifierOptions) {
    this.#options = {
      random: Math.random,
      onOutcome: () => {},
      lease: leadsAlone(options.db),
      guard: strictGuard,
      ...options
    }
    this.useAlways(options.urls, options.secret)
    this.#stopPolling = options.clock.every(pollMs, () => this.#poll())
  }

  /** Replaces those that are told of everything, and what signs for them. */
  useAlways(urls: readonly string[], secret: string): void {
    const { timeoutMs } = this.#options
    this.#always = urls.map((url) => ({
      name: receiverName(url),
      url,
      headers: {},
      secret,
      timeoutMs,
      wants: () => true
    }))
    this.#receivers = [...this.#always, ...this.#ofPlan]
  }

  /** Replaces the receivers that are told besides those of the settings. */
  use(receivers: readonly Receiver[]): void {
    this.#ofPlan = receivers
    this.#receivers = [...this.#always, ...receivers]
  }

  get receivers(): readonly string[] {
    return this.#receivers.map(({ name }) => name)
  }

  /**
   * Takes a message for every receiver that wants it. Give the transaction in which the cause is stored: then there
   * is a message if and only if there is a cause.
   */
  async enqueue(
    { id, dedupKey, body, labels = {} }: Notification,
    db: Kysely<Tables> = this.#options.db
  ): Promise<void> {
    const nowMs = this.#options.clock.nowMs()
    const text = JSON.stringify(body)
    if (Buffer.byteLength(text) > largestBodyBytes) throw new RangeError(`a notification of ${text.length} characters`)
    const receivers = this.#receivers.filter(({ wants }) => wants(labels))
    if (receivers.length === 0) return
    await db
      .insertInto('deliveries')
      .values(
        receivers.map(({ name }) => ({
          id: `${id}@${name}`,
          dedup_key: dedupKey,
          receiver: name,
          body: text,
          attempts: 0,
          next_ms: nowMs,
          state: 'pending',
          last_error: null,
          created_ms: nowMs
        }))
      )
      .onConflict((conflict) => conflict.column('id').doNothing())
      .execute()
  }

  /** What became of the messages of some keys: per key the latest state of each receiver. */
  async statusOf(dedupKeys: readonly string[]): Promise<Map<string, DeliveryStatus[]>> {
    const byKey = new Map<string, DeliveryStatus[]>()
    if (dedupKeys.length === 0) return byKey
    const rows = await this.#options.db
      .selectFrom('deliveries')
      .selectAll()
      .where('dedup_key', 'in', [...dedupKeys])
      .orderBy('created_ms', 'desc')
      .orderBy('id', 'desc')
      .execute()
    for (const row of rows) {
      const known = byKey.get(row.dedup_key) ?? []
      if (known.some(({ receiver }) => receiver === row.receiver)) continue
      byKey.set(row.dedup_key, [...known, statusFrom(row)])
    }
    return byKey
  }

  /** Sends what is due, and resolves when all of it was tried once; a round under way is joined. */
  deliverDue(): Promise<void> {
    this.#round ??= this.#deliverRound().finally(() => (this.#round = null))
    return this.#round
  }

  async #deliverRound(): Promise<void> {
    const due = await this.#due()
    for (let i = 0; i < due.length; i += maxInFlight) {
      await Promise.all(due.slice(i, i + maxInFlight).map((delivery) => this.#deliver(delivery)))
    }
  }

  /** Stops sending; what is not delivered stays in the table for the next start. */
  async close(): Promise<void> {
    this.#stopPolling()
    this.#closing.abort()
    await this.#round?.catch(() => {}) // whoever began the round has heard of it
  }

  #poll(): void {
    if (!this.#options.lease.isLeader) return
    this.deliverDue().catch((error: unknown) =>
      this.#options.log.warn({ reason: messageOf(error) }, 'notifications wait for the store')
    )
  }

  /** Due messages, the first of each receiver and key alone: a later one must not overtake it. */
  async #due(): Promise<Delivery[]> {
    const { db, clock } = this.#options
    const pending = await db
      .selectFrom('deliveries')
      .selectAll()
      .where('state', '=', 'pending')
      .orderBy('created_ms')
      .orderBy('id')
      .limit(maxPending + 1)
      .execute()
    if (pending.length > maxPending) await this.#giveUpOldest(pending)
    const first = new Map<string, Delivery>()
    for (const row of pending) {
      const key = `${row.receiver} ${row.dedup_key}`
      if (!first.has(key)) first.set(key, row)
    }
    return [...first.values()].filter(({ next_ms }) => next_ms <= clock.nowMs())
  }

  async #deliver(delivery: Delivery): Promise<void> {
    const { clock, random, log, lease, onOutcome } = this.#options
    if (this.#closing.signal.aborted || !(await this.#claim(delivery))) return
    if (!lease.isLeader) return // frozen since: whoever leads now sends it when the claim has run out
    const receiver = this.#receivers.find(({ name }) => name === delivery.receiver)
    const attempts = delivery.attempts + 1
    const attempt = receiver ? await this.#post(receiver, delivery) : noReceiver
    if (this.#closing.signal.aborted && attempt.status === null) return // tried again after the restart
    const next = receiver
      ? afterAttempt(attempt, attempts, clock.nowMs() - delivery.created_ms, random())
      : ({ state: 'failed', error: noReceiver.error } as const)
    onOutcome(next.state === 'pending' ? 'retried' : next.state)
    if (next.state === 'failed') {
      log.error(
        { receiver: delivery.receiver, dedupKey: delivery.dedup_key, attempts, reason: next.error },
        'notification given up'
      )
    }
    await this.#options.db
      .updateTable('deliveries')
      .set({
        state: next.state,
        last_error: next.state === 'delivered' ? null : next.error,
        next_ms: clock.nowMs() + (next.state === 'pending' ? next.delayMs : 0)
      })
      .where('id', '=', delivery.id)
      .where('attempts', '=', attempts) // else another instance has tried it since: its outcome counts
      .execute()
  }

  /** Takes a message for this instance: the count of attempts moves, so no other instance sends it too. */
  async #claim({ id, attempts, receiver: to }: Delivery): Promise<boolean> {
    const { lease, clock } = this.#options
    const { timeoutMs } = this.#receivers.find(({ name }) => name === to) ?? this.#options
    const { numUpdatedRows } = await lease.act((transaction) =>
      transaction
        .updateTable('deliveries')
        .set({ attempts: attempts + 1, next_ms: clock.nowMs() + 2 * timeoutMs })
        .where('id', '=', id)
        .where('attempts', '=', attempts)
        .where('state', '=', 'pending')
        .executeTakeFirst()
    )
    return numUpdatedRows === 1n
  }

  #post(receiver: Receiver, { id, dedup_key, body }: Delivery): Promise<Attempt> {
    const message = { id, dedupKey: dedup_key, body }
    return postWebhook(receiver, message, this.#options, this.#closing.signal)
  }

  async #giveUpOldest(pending: readonly Delivery[]): Promise<void> {
    const excess = pending.slice(0, pending.length - maxPending).map(({ id }) => id)
    await this.#options.lease.act((transaction) =>
      transaction
        .updateTable('deliveries')
        .set({ state: 'failed', last_error: `more than ${maxPending} messages wait` })
        .where('id', 'in', excess)
        .execute()
    )
  }
}

const noReceiver = { status: null, error: 'this receiver is no longer configured', retryAfterMs: null }

const statusFrom = ({ receiver, state, attempts, last_error }: Delivery): DeliveryStatus => ({
  receiver,
  state: state as DeliveryStatus['state'],
  attempts,
  lastError: last_error
})

declare module 'fastify' {
  interface FastifyInstance {
    notifier: Notifier
  }
}

export const notifyPlugin = fp(
  async (app) => {
    const { settings, secrets, clock, database } = app
    const outcomes = new Counter({
      name: 'plimsoll_notifications_total',
      help: 'Attempts to deliver a notification by outcome',
      labelNames: ['outcome'],
      registers: [app.metrics]
    })
    const notifier = new Notifier({
      db: database.db,
      clock,
      log: app.log,
      urls: settings.webhookUrls,
      secret: settings.WEBHOOK_SECRET,
      timeoutMs: settings.WEBHOOK_TIMEOUT_MS,
      lease: app.lease,
      guard: addressGuard(settings.ALLOW_LINK_LOCAL),
      onOutcome: (outcome) => outcomes.inc({ outcome })
    })
    app.decorate('notifier', notifier)
    const stopFollowing = secrets.onChange(() =>
      notifier.useAlways(secrets.settings.webhookUrls, secrets.settings.WEBHOOK_SECRET)
    )
    app.addHook('onClose', async () => {
      stopFollowing()
      await notifier.close()
    })
  },
  { name: 'notify', dependencies: ['ground', 'metrics', 'lease'] }
)
