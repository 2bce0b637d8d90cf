import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { Alert } from '../../contract/index.ts'
import type { Tables } from '../../platform/database/tables.ts'
import type { Leadership } from '../../platform/lease.ts'
import type { LiveHub } from '../../platform/live.ts'
import type { Notification } from '../../platform/notify.ts'
import { messageOf } from '../../platform/errors.ts'
import { instant } from '../words.rules.ts'
import { recentAlerts, saveAlert, type AlertRecord, type StoredAlert } from './alert-store.ts'
import type { BurnMemory } from './burn-alert.rules.ts'
import { dedupKeyOf, type CauseKind } from './cause.rules.ts'
import type { Condition } from './condition.ts'
import { messageFor, type AlertEvent } from './message.rules.ts'

export interface AlertBookOptions {
  readonly db: Kysely<Tables>
  readonly lease: Pick<Leadership, 'act'>
  readonly live: Pick<LiveHub, 'share'>
  readonly notifier: { enqueue(message: Notification, db?: Kysely<Tables>): Promise<void> }
  readonly log: Pick<import('fastify').FastifyBaseLogger, 'info' | 'warn' | 'error'>
  /** Why nobody is to be told about a service now; null: they are. */
  readonly mutedBy: (service: string, nowMs: number) => string | null
}

/** An alert in memory, and what of it has still to be written. */
interface Entry {
  stored: StoredAlert
  changed: 'no' | 'numbers' | 'news'
  savedMs: number
}

/** Numbers of an open alert move with every look; they are written this often. */
const saveNumbersMs = 60_000

/**
 * The alerts that are open. What they say is written and sent in one transaction, so a crash neither
 * loses a message nor sends it twice; and it is one of the leader's, so of two instances that hold
 * the same alert only one writes.
 */
export class AlertBook {
  readonly #options: AlertBookOptions
  #open = new Map<string, Entry>()
  #ended: Entry[] = []
  #flushing: Promise<void> | null = null

  constructor(options: AlertBookOptions) {
    this.#options = options
  }

  /** What is stored of open alerts, and of those that ended since a time. */
  stored(sinceMs: number): Promise<StoredAlert[]> {
    return recentAlerts(this.#options.db, sinceMs)
  }

  /**
   * Holds what is stored and nothing else: what this or another instance has written.
   *
   * @returns what to remember of each objective, by service and name; the newest last
   */
  takeUp(stored: readonly StoredAlert[]): { service: string; objective: string; memory: BurnMemory }[] {
    const open = stored.filter(({ alert }) => alert.state === 'open')
    this.#open = new Map(open.map((each) => [keyOf(each.alert.service, each.cause), entryOf(each)]))
    this.#ended = []
    return stored.flatMap(({ alert, memory }) =>
      Object.entries(memory).map(([objective, memory]) => ({ service: alert.service, objective, memory }))
    )
  }

  get open(): AlertRecord[] {
    return [...this.#open.values()].map(({ stored }) => stored.alert)
  }

  of(service: string, cause: CauseKind): AlertRecord | null {
    return this.#open.get(keyOf(service, cause))?.stored.alert ?? null
  }

  /** Since when a slow burn of an objective has been noticed, Unix time in milliseconds; null: it is not. */
  noticeSince(service: string, objective: string): number | null {
    const notice = this.open.find(
      (alert) => alert.service === service && alert.kind === 'slow_burn_notice' && alert.objectives.includes(objective)
    )
    return notice ? Date.parse(notice.openedAt) : null
  }

  /** The cause lasts: its alert opens, rises or is brought up to date. */
  report(condition: Condition, nowMs: number): void {
    const { service, cause, memory, ...says } = condition
    const key = keyOf(service, cause)
    const entry = this.#open.get(key)
    if (!entry) {
      const alert: AlertRecord = {
        ...says,
        id: randomUUID(),
        dedupKey: dedupKeyOf(service, cause, nowMs),
        service,
        state: 'open',
        openedAt: instant(nowMs),
        updatedAt: instant(nowMs),
        resolvedAt: null,
        muted: null
      }
      this.#open.set(key, { stored: { alert, cause, told: null, memory }, changed: 'news', savedMs: nowMs })
      return
    }
    const before = entry.stored.alert
    const isNews = before.severity !== says.severity || before.tier !== says.tier || before.kind !== says.kind
    const objectives = [...new Set([...before.objectives, ...says.objectives])]
    const alert = { ...before, ...says, objectives, updatedAt: instant(nowMs) }
    entry.stored = { ...entry.stored, alert, memory: { ...entry.stored.memory, ...memory } }
    entry.changed = isNews || entry.changed === 'news' ? 'news' : 'numbers'
  }

  /** The cause has gone. */
  end(service: string, cause: CauseKind, memory: StoredAlert['memory'], nowMs: number): void {
    const key = keyOf(service, cause)
    const entry = this.#open.get(key)
    if (!entry) return
    this.#open.delete(key)
    const at = instant(nowMs)
    const alert = { ...entry.stored.alert, state: 'resolved' as const, updatedAt: at, resolvedAt: at }
    entry.stored = { ...entry.stored, alert, memory }
    entry.changed = 'news'
    this.#ended.push(entry)
  }

  /** Writes and tells what is new; what fails stays and is tried with the next look. */
  async flush(nowMs: number): Promise<void> {
    while (this.#flushing) await this.#flushing
    this.#flushing = this.#flush(nowMs).finally(() => (this.#flushing = null))
    return this.#flushing
  }

  async #flush(nowMs: number): Promise<void> {
    const entries = [...this.#ended, ...this.#open.values()]
    for (const entry of entries) {
      const event = this.#eventOf(entry, nowMs)
      const isDue = entry.changed === 'news' || (entry.changed === 'numbers' && nowMs - entry.savedMs >= saveNumbersMs)
      if (!isDue && event === null) continue
      await this.#write(entry, event, nowMs)
    }
    this.#ended = this.#ended.filter(({ changed }) => changed !== 'no')
  }

  async #write(entry: Entry, event: AlertEvent | null, nowMs: number): Promise<void> {
    const before = entry.stored
    const wasNews = entry.changed === 'news'
    const stored = event === null ? before : told(before, event)
    try {
      await this.#options.lease.act(async (transaction) => {
        await saveAlert(transaction, stored)
        if (event === null) return
        await this.#options.notifier.enqueue(messageFor(stored.alert, event, stored.tellings ?? 1), transaction)
      })
    } catch (error) {
      this.#options.log.warn({ alertId: before.alert.id, reason: messageOf(error) }, 'alert waits for the store')
      return
    }
    entry.savedMs = nowMs
    if (entry.stored === before) {
      entry.stored = stored
      entry.changed = 'no'
    } else {
      const { told, tellings = 0 } = stored
      entry.stored = { ...entry.stored, told, tellings } // it has moved on meanwhile
    }
    if (wasNews || event !== null) this.#announce(stored.alert, event)
  }

  /** What has to be told of an alert now; null: nothing new, or nobody wants to hear it. */
  #eventOf(entry: Entry, nowMs: number): AlertEvent | null {
    const { alert, told } = entry.stored
    if (alert.state === 'resolved') return told === null || told === 'resolved' ? null : 'resolved'
    if (alert.severity === told) return null
    const muted = this.#options.mutedBy(alert.service, nowMs)
    if (muted !== alert.muted) {
      entry.stored = { ...entry.stored, alert: { ...alert, muted } }
      entry.changed = 'news'
    }
    if (muted !== null) return null
    if (told === null) return 'opened'
    return rank(alert.severity) > rank(told) ? 'escalated' : 'eased'
  }

  #announce(alert: AlertRecord, event: AlertEvent | null): void {
    const { log, live } = this.#options
    const { id, service, state, severity, title, kind, tier, muted } = alert
    const facts = { alertId: id, service, severity, kind, tier, title, ...(muted !== null && { muted }) }
    if (state === 'resolved') log.info(facts, 'alert resolved')
    else if (event === 'escalated') log.warn(facts, 'alert escalated')
    else if (event === 'eased') log.info(facts, 'alert eased')
    else if (event === 'opened' || alert.openedAt === alert.updatedAt) log.warn(facts, 'alert opened')
    else log.info(facts, 'alert changed')
    live.share('alert', { id, service, state, severity, title })
  }
}

const keyOf = (service: string, cause: CauseKind): string => `${service}/${cause}`

const entryOf = (stored: StoredAlert): Entry => ({ stored, changed: 'no', savedMs: 0 })

const told = (stored: StoredAlert, event: AlertEvent): StoredAlert => ({
  ...stored,
  told: event === 'resolved' ? 'resolved' : stored.alert.severity,
  tellings: (stored.tellings ?? 0) + 1
})

const ranks: Record<Alert['severity'] | 'resolved', number> = { resolved: 0, notice: 1, ticket: 2, page: 3 }
const rank = (severity: Alert['severity'] | 'resolved'): number => ranks[severity]
