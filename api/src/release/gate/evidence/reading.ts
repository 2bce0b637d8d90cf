import type { State } from '../../../contract/primitives.ts'

/** What a body says, and whom it names; null: it names nobody. */
export interface Reading {
  readonly state: State
  readonly text: string
  readonly version: string | null
  readonly environment: string | null
  /** Several of one name that stand beside each other: the groups of an Alertmanager. */
  readonly group: string | null
  readonly expiresAt: string | null
}

/** The body is not what its kind promises; the message says why. */
export class Unreadable extends Error {}
