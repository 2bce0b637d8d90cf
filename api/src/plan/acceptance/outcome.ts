import type { Reason, State } from '../../contract/primitives.ts'

/** What one run of a check has shown. */
export interface Outcome {
  readonly state: State
  readonly reasons: readonly Reason[]
}

export const outcome = (state: State, code: string, text: string, next?: string): Outcome => ({
  state,
  reasons: [{ code, text, ...(next !== undefined && { next }) }]
})
