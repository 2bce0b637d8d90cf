import type { ScalarLimits } from './scalars.rules.ts'
import type { ScalarKind } from './schema/words.ts'

export type Path = readonly (string | number)[]

/** A fault before it has a line and a column. */
export interface Fault {
  readonly path: Path
  /** Whether the key or what stands behind it is to be looked at. */
  readonly at: 'key' | 'value'
  readonly severity: 'error' | 'warning'
  readonly text: string
  readonly found?: string
  readonly expected?: string
}

/** What is used of JSON Schema, and what `schema/words.ts` adds. */
export interface Schema extends ScalarLimits {
  readonly type?: 'string' | 'number' | 'integer' | 'boolean' | 'null' | 'array' | 'object'
  readonly const?: unknown
  readonly enum?: readonly string[]
  readonly anyOf?: readonly Schema[]
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly items?: Schema
  readonly minItems?: number
  readonly maxItems?: number
  readonly properties?: Readonly<Record<string, Schema>>
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly minProperties?: number
  readonly maxProperties?: number
  readonly 'x-kind'?: ScalarKind
  readonly 'x-expected'?: string
  /** Whether a wrong value may be a secret itself. */
  readonly 'x-hidden'?: boolean
  readonly 'x-later'?: Readonly<Record<string, string>>
}
