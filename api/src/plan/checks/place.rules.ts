import type { Fault, Path } from '../fault.ts'

/**
 * A value of a document and the way to it. Checks across a document run on whatever was written,
 * so that one mistyped key hides no other fault: what is not there, or is of another type, is
 * simply absent.
 */
export interface Place {
  readonly value: unknown
  readonly path: Path
}

export const rootOf = (value: unknown): Place => ({ value, path: [] })

export function at(place: Place, ...keys: readonly string[]): Place {
  let { value } = place
  for (const key of keys) value = isMapping(value) && Object.hasOwn(value, key) ? value[key] : undefined
  return { value, path: [...place.path, ...keys] }
}

export const itemsOf = (place: Place): Place[] =>
  Array.isArray(place.value) ? place.value.map((value: unknown, i) => ({ value, path: [...place.path, i] })) : []

/** The entries of a list, or the one value that stands instead of a list. */
export const oneOrMany = (place: Place): Place[] => {
  if (place.value === undefined) return []
  return Array.isArray(place.value) ? itemsOf(place) : [place]
}

export const textOf = ({ value }: Place): string | null => (typeof value === 'string' ? value : null)

export const has = (place: Place, key: string): boolean => isMapping(place.value) && Object.hasOwn(place.value, key)

export const keysOf = ({ value }: Place): string[] => (isMapping(value) ? Object.keys(value) : [])

export const isMapping = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

interface Words {
  readonly text: string
  readonly found?: string | undefined
  readonly expected?: string | undefined
}

export const errorAt = (place: Place, words: Words, on: 'key' | 'value' = 'value'): Fault =>
  faultAt('error', place, words, on)

export const warningAt = (place: Place, words: Words, on: 'key' | 'value' = 'value'): Fault =>
  faultAt('warning', place, words, on)

const faultAt = (
  severity: Fault['severity'],
  { path }: Place,
  { text, found, expected }: Words,
  on: 'key' | 'value'
): Fault => ({
  path,
  at: on,
  severity,
  text,
  ...(found !== undefined && { found }),
  ...(expected !== undefined && { expected })
})
