import { createHash } from 'node:crypto'
import type { LoadLine, LoadRun } from '../../../api/src/contract/load.ts'

/** What a Plimsoll keeps of load tests. Its own id is its idempotency key: the server keeps an id once. */
export type Result =
  { readonly kind: 'run'; readonly document: LoadRun } | { readonly kind: 'line'; readonly document: LoadLine }

/** Whose result it is, and who is to keep it. */
export interface Address {
  /** Origin of the Plimsoll. */
  readonly server: string
  readonly service: string
}

/** A result on its way. */
export type Parcel = Address & Result

/** When it was measured, RFC 3339. */
export const measuredAt = (parcel: Parcel): string =>
  parcel.kind === 'run' ? parcel.document.startedAt : parcel.document.measuredAt

/** One file for each document and server, in the order of their measuring; the same again is the same file. */
export const fileNameOf = (parcel: Parcel): string => {
  const server = createHash('sha256').update(parcel.server).digest('hex').slice(0, 8)
  return `${measuredAt(parcel).replaceAll(/[^0-9TZ]/g, '')}-${server}-${parcel.document.id}.json`
}

/** What the spool writes; null: no parcel. A file is only ever whole, but a person may have edited it. */
export const readParcel = (text: string): Parcel | null => {
  try {
    const { server, service, kind, document } = JSON.parse(text) as Partial<Parcel>
    const known = (kind === 'run' || kind === 'line') && typeof server === 'string' && typeof service === 'string'
    return known && typeof document?.id === 'string' ? ({ server, service, kind, document } as Parcel) : null
  } catch {
    return null
  }
}

/** What came of sending a parcel. */
export type Answer =
  | { readonly kind: 'stored' }
  /** Nothing answered, or something that is no Plimsoll. */
  | { readonly kind: 'unreachable'; readonly text: string }
  | { readonly kind: 'status'; readonly status: number; readonly text: string }

export type NextStep =
  /** The server has it: it is forgotten here. */
  | 'forget'
  /** It stays, and so do the others for this server: they would fare no better now. */
  | 'stop'
  /** It stays, the next may fare better: its service is not in the plan yet. */
  | 'keep'
  /** This server will never take it as it is; it is put aside. */
  | 'set-aside'

/** What to do with a parcel after an answer. Only a confirmed one is ever forgotten. */
export const nextStepOf = (answer: Answer): NextStep => {
  if (answer.kind === 'stored') return 'forget'
  if (answer.kind === 'unreachable') return 'stop'
  const { status } = answer
  if (status === 404) return 'keep'
  // not these: a token to pass, a wait, a limit to raise on the way
  const passing = status === 401 || status === 403 || status === 408 || status === 425 || status === 429
  return status >= 400 && status < 500 && !passing ? 'set-aside' : 'stop'
}
