import type { Alert } from '../../contract/index.ts'
import type { BurnMemory } from './burn-alert.rules.ts'
import type { CauseKind } from './cause.rules.ts'

/** What an alert says while its cause lasts. */
export interface Condition extends Pick<
  Alert,
  'kind' | 'severity' | 'title' | 'reasons' | 'tier' | 'numbers' | 'objectives'
> {
  readonly service: string
  readonly cause: CauseKind
  /** What has to be remembered of each objective over a restart. */
  readonly memory: Readonly<Record<string, BurnMemory>>
}
