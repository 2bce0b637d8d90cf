import type { FastifyBaseLogger } from 'fastify'
import type { AuditEntry, CallerKind, Role } from '../../contract/index.ts'
import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import type { Unlinked } from './chain.rules.ts'
import type { AuditStore } from './store.ts'

/** Something that was done, or refused. */
export interface AuditRecord {
  readonly caller: { readonly kind: CallerKind; readonly id: string; readonly name: string; readonly role: Role | null }
  /** Key of the route, or a name such as `sign_in`. */
  readonly action: string
  readonly subject?: string
  readonly outcome?: AuditEntry['outcome']
  readonly status?: number | null
  /** Flat values for people; never a secret. */
  readonly detail?: AuditEntry['detail']
  readonly address?: string
  readonly requestId?: string
}

export interface AuditOptions {
  readonly store: AuditStore
  readonly clock: Clock
  readonly instance: string
  readonly log: FastifyBaseLogger
  readonly onOutcome?: (outcome: 'written' | 'failed' | 'suppressed') => void
}

/** Refusals written at most per minute: strangers must not be able to fill the store. */
const refusalsPerMinute = 10

/** A text is cut here; a path from outside may be as long as its sender likes. */
const longestText = 512

/** Writes the audit log, one entry after the other. Each is also a line of the process's log: a second place to look. */
export class Audit {
  readonly store: AuditStore
  readonly #options: AuditOptions
  #waiting: { readonly entry: Unlinked; readonly done: (error: Error | null) => void }[] = []
  #writing = false
  #refusals = { minute: 0, count: 0, suppressed: 0 }
  /** Why the last entry could not be written; null: it was. */
  fault: string | null = null

  constructor(options: AuditOptions) {
    this.store = options.store
    this.#options = options
  }

  /** Resolves when the entry is stored. @throws whatever the store throws */
  record(record: AuditRecord): Promise<void> {
    const entry = this.#entryOf(record)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entry, done: (error) => (error === null ? resolve() : reject(error)) })
      if (!this.#writing) void this.#write()
    })
  }

  /** Writes a refusal unless there were too many this minute; these are counted in the next that is written. */
  async recordRefusal(record: AuditRecord): Promise<void> {
    const minute = Math.floor(this.#options.clock.nowMs() / 60_000)
    if (minute !== this.#refusals.minute) this.#refusals = { ...this.#refusals, minute, count: 0 }
    if (++this.#refusals.count > refusalsPerMinute) {
      this.#refusals.suppressed++
      this.#options.onOutcome?.('suppressed')
      return
    }
    const { suppressed } = this.#refusals
    this.#refusals.suppressed = 0
    const detail = { ...record.detail, ...(suppressed > 0 && { suppressedBefore: suppressed }) }
    await this.record({ ...record, outcome: 'refused', detail })
  }

  /** Resolves when nothing is being written. */
  async close(): Promise<void> {
    while (this.#writing) await new Promise<void>((resolve) => setImmediate(resolve))
  }

  /** All that waits in one transaction: a burst costs one commit. */
  async #write(): Promise<void> {
    this.#writing = true
    for (let batch = this.#waiting.splice(0); batch.length > 0; batch = this.#waiting.splice(0)) {
      const error = await this.#append(batch.map(({ entry }) => entry))
      for (const { done } of batch) done(error)
    }
    this.#writing = false
  }

  async #append(entries: readonly Unlinked[]): Promise<Error | null> {
    const { store, log, onOutcome } = this.#options
    try {
      for (const { sequence, hash, caller, action, subject, outcome, status } of await store.append(entries)) {
        log.info({ sequence, hash, caller: caller.id, action, subject, outcome, status }, 'audit')
        onOutcome?.('written')
      }
      this.fault = null
      return null
    } catch (error) {
      this.fault = messageOf(error)
      for (const { caller, action, subject } of entries) {
        log.error({ caller: caller.id, action, subject, reason: this.fault }, 'audit entry could not be written')
        onOutcome?.('failed')
      }
      return error instanceof Error ? error : new Error(this.fault)
    }
  }

  #entryOf({ caller, detail = {}, ...record }: AuditRecord): Unlinked {
    const { kind, id, name, role } = caller
    return {
      at: new Date(this.#options.clock.nowMs()).toISOString(),
      instance: this.#options.instance,
      caller: { kind, id: cut(id), name: cut(name), role },
      action: cut(record.action),
      subject: cut(record.subject ?? ''),
      outcome: record.outcome ?? 'done',
      status: record.status ?? null,
      detail: Object.fromEntries(
        Object.entries(detail).map(([key, value]) => [key, typeof value === 'string' ? cut(value) : value])
      ),
      address: record.address ?? '',
      requestId: record.requestId ?? ''
    }
  }
}

/** Without what a terminal or a log would act on, and without halves of characters, which no store keeps. */
const cut = (text: string): string =>
  text
    .replaceAll(/\p{Cc}|\p{Cf}/gu, '\uFFFD')
    .slice(0, longestText)
    .toWellFormed()
