import { createHash } from 'node:crypto'
import type { AuditEntry, AuditHead } from '../../contract/audit.ts'

/** What stands before the first entry. */
export const noEntry: AuditHead = { sequence: 0, hash: '0'.repeat(64) }

/** An entry but for what links it. */
export type Unlinked = Omit<AuditEntry, 'sequence' | 'previousHash' | 'hash'>

/**
 * The hash of an entry: SHA-256 over a JSON array of all of its values in a stated order, the hash
 * before it first. Keys of `detail` are sorted, so that it is the same however it was stored.
 */
export function hashOfEntry(entry: Omit<AuditEntry, 'hash'>): string {
  const { caller, detail } = entry
  const values = [
    entry.previousHash,
    entry.sequence,
    entry.at,
    entry.instance,
    [caller.kind, caller.id, caller.name, caller.role],
    entry.action,
    entry.subject,
    entry.outcome,
    entry.status,
    Object.entries(detail).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    entry.address,
    entry.requestId
  ]
  return createHash('sha256').update(JSON.stringify(values)).digest('hex')
}

/** The entry after a head. */
export function link(entry: Unlinked, head: AuditHead): AuditEntry {
  const linked = { ...entry, sequence: head.sequence + 1, previousHash: head.hash }
  return { ...linked, hash: hashOfEntry(linked) }
}

/** Where a chain is broken, and what that means. */
export interface Break {
  readonly code: 'missing' | 'unlinked' | 'altered' | 'cut_off' | 'other_head'
  /** Of the first entry that does not fit. */
  readonly sequence: number
  readonly text: string
}

/** Follows a chain entry by entry, oldest first, and stops at the first break. */
export class ChainCheck {
  #head: AuditHead
  #break: Break | null = null

  /** @param from - the head to start after: {@link noEntry}, or one that was noted down before */
  constructor(from: AuditHead = noEntry) {
    this.#head = from
  }

  /** The last entry that fitted. */
  get head(): AuditHead {
    return this.#head
  }

  add(entry: AuditEntry): Break | null {
    this.#break ??= breakAt(entry, this.#head)
    if (this.#break === null) this.#head = { sequence: entry.sequence, hash: entry.hash }
    return this.#break
  }

  /**
   * What is wrong with all of it; null: it is whole.
   *
   * @param end - the head it has to end in, as the store knows it or as it was noted down
   */
  finish(end: AuditHead): Break | null {
    if (this.#break) return this.#break
    const { sequence, hash } = this.#head
    if (sequence < end.sequence) {
      const text = `it ends with entry ${sequence}, but there were ${end.sequence}: the newest were removed`
      return { code: 'cut_off', sequence: sequence + 1, text }
    }
    if (sequence === end.sequence && hash !== end.hash) {
      return {
        code: 'other_head',
        sequence,
        text: `entry ${sequence} is not the one that was noted: all was rewritten`
      }
    }
    return null
  }
}

const breakAt = (entry: AuditEntry, head: AuditHead): Break | null => {
  const { sequence, previousHash, hash } = entry
  const expected = head.sequence + 1
  if (sequence !== expected) {
    const text =
      sequence > expected
        ? `entry ${expected}${sequence - 1 > expected ? ` to ${sequence - 1}` : ''} is missing`
        : `entry ${sequence} stands where ${expected} belongs`
    return { code: 'missing', sequence: expected, text }
  }
  if (hashOfEntry(entry) !== hash) {
    return { code: 'altered', sequence, text: `entry ${sequence} was altered: its hash is not that of its values` }
  }
  if (previousHash !== head.hash) {
    return { code: 'unlinked', sequence, text: `entry ${sequence} does not follow entry ${head.sequence} as it is now` }
  }
  return null
}
