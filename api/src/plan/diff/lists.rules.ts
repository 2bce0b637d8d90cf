/** Comparing named things, and saying in words what differs. */
import { isDeepStrictEqual } from 'node:util'
import type { PlanChange } from '../../contract/plan.ts'

/** What of two lists belongs together; order means nothing. */
export interface Matched<T> {
  readonly added: readonly T[]
  readonly removed: readonly T[]
  readonly both: readonly { readonly before: T; readonly after: T }[]
}

export function match<T>(before: readonly T[], after: readonly T[], keyOf: (item: T) => string): Matched<T> {
  const old = new Map(before.map((item) => [keyOf(item), item]))
  const now = new Map(after.map((item) => [keyOf(item), item]))
  return {
    added: [...now].filter(([key]) => !old.has(key)).map(([, item]) => item),
    removed: [...old].filter(([key]) => !now.has(key)).map(([, item]) => item),
    both: [...now].flatMap(([key, item]) => {
      const earlier = old.get(key)
      return earlier === undefined ? [] : [{ before: earlier, after: item }]
    })
  }
}

type Fields = Readonly<Record<string, unknown>>

interface FieldWords {
  /** Of the thing whose fields these are. */
  readonly path: string
  readonly name: string
  /** What it costs that this field changes. */
  readonly effect: (field: string) => string
}

/** One change for each field that differs; fields are in the words of the plan file. */
export function fieldChanges(before: object, after: object, { path, name, effect }: FieldWords): PlanChange[] {
  const [old, now] = [before as Fields, after as Fields]
  const fields = [...new Set([...Object.keys(old), ...Object.keys(now)])]
  return fields
    .filter((field) => !isDeepStrictEqual(old[field], now[field]))
    .map((field) => {
      const [from, to] = [show(old[field]), show(now[field])]
      const text = `${name}: ${field} ${from} → ${to}`
      return { kind: 'changed', path: `${path}/${field}`, text, from, to, effect: effect(field) }
    })
}

/** A value of a plan on one line. */
export function show(value: unknown): string {
  if (value === undefined || value === null) return 'none'
  if (typeof value === 'string') return value
  if (typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(show).join(', ')
  const entries = Object.entries(value)
  return entries.length === 0 ? 'none' : `{ ${entries.map(([key, item]) => `${key}: ${show(item)}`).join(', ')} }`
}

export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`
