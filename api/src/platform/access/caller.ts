import type { CallerKind, Role } from '../../contract/access.ts'

/** Who makes a call, as far as it is known. */
export interface Caller {
  readonly kind: CallerKind
  /** Stable: `token:tok_…`, `person:<subject>`, `workload:<subject>`, `local`, `anyone`. */
  readonly id: string
  /** For people and for the record. */
  readonly name: string
  /** Null: may do what is public and nothing else. */
  readonly role: Role | null
  /** Services the caller is held to; null: all. */
  readonly services: readonly string[] | null
}

/** Somebody of whom nothing is known. */
export const anyone: Caller = { kind: 'anyone', id: 'anyone', name: 'anyone', role: null, services: null }

/** This machine itself. */
export const local: Caller = { kind: 'local', id: 'local', name: 'local', role: 'admin', services: null }

/** This machine through a proxy on it: for whom is not known. */
export const localReader: Caller = { ...local, role: 'viewer' }

/** Whoever has API_TOKEN. */
export const bootstrap: Caller = {
  kind: 'bootstrap',
  id: 'API_TOKEN',
  name: 'API_TOKEN',
  role: 'admin',
  services: null
}

/** Plimsoll itself, in the record of what it did unasked. */
export const itself: Caller = { kind: 'local', id: 'plimsoll', name: 'plimsoll', role: null, services: null }
