/**
 * Checks a document against its schema and finds every fault at once, each said in the words of
 * the plan. A validator for the part of JSON Schema that `schema/` uses; a property test holds its
 * yes and no equal to Ajv's.
 */
import { scalarFault, scalarHint, type ScalarLimits } from './scalars.rules.ts'
import type { ScalarKind } from './schema/words.ts'
import { didYouMean } from './suggest.rules.ts'

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
  readonly 'x-later'?: Readonly<Record<string, string>>
}

export interface Validated {
  /** The document without keys that have nothing behind them: `owner:` is as if it were not there. */
  readonly value: unknown
  readonly faults: readonly Fault[]
}

/** @param schema - a TypeBox schema made of what {@link Schema} names */
export function validate(schema: object, value: unknown): Validated {
  const faults: Fault[] = []
  return { value: visit(schema as Schema, value, [], faults), faults }
}

function visit(schema: Schema, value: unknown, path: Path, faults: Fault[]): unknown {
  if (schema.anyOf) return visitUnion(schema, schema.anyOf, value, path, faults)
  if (!hasTypeOf(schema, value)) {
    faults.push(wrongType(schema, value, path))
    return value
  }
  if (schema.const !== undefined && value !== schema.const) faults.push(mismatch(schema, value, path, 'is not known here'))
  if (typeof value === 'string') visitText(schema, value, path, faults)
  if (typeof value === 'number') visitNumber(schema, value, path, faults)
  if (Array.isArray(value)) return visitList(schema, value, path, faults)
  if (isMapping(value)) return visitMapping(schema, value, path, faults)
  return value
}

/** The branch that takes the value; else the faults of the one branch of its type; else one fault that names them all. */
function visitUnion(schema: Schema, branches: readonly Schema[], value: unknown, path: Path, faults: Fault[]): unknown {
  const sameType = branches.filter((branch) => branch.anyOf !== undefined || hasTypeOf(branch, value))
  for (const branch of sameType) {
    const tried: Fault[] = []
    const cleaned = visit(branch, value, path, tried)
    if (tried.length === 0) return cleaned
    if (sameType.length === 1) {
      faults.push(...tried)
      return cleaned
    }
  }
  const words = branches.flatMap((branch) => branch.enum ?? [])
  const meant = typeof value === 'string' ? didYouMean(value, words) : null
  const hint = branches.map((branch) => scalarHint(branch['x-kind'], value)).find((text) => text !== null)
  const text = meant === null ? (hint ?? `${subject(path)} cannot be read`) : `did you mean \`${meant}\`?`
  faults.push(fault(path, text, describe(value), expectedOf(schema)))
  return value
}

function visitText(schema: Schema, value: string, path: Path, faults: Fault[]): void {
  const kind = schema['x-kind']
  if (schema.enum && !schema.enum.includes(value)) {
    const meant = didYouMean(value, schema.enum)
    faults.push(mismatch(schema, value, path, meant === null ? 'is not known here' : `is not known here: did you mean \`${meant}\`?`))
  } else if (schema.minLength !== undefined && value.length < schema.minLength) {
    faults.push(mismatch(schema, value, path, 'is empty'))
  } else if (schema.maxLength !== undefined && [...value].length > schema.maxLength) {
    faults.push(mismatch(schema, value, path, `is longer than ${schema.maxLength} characters`))
  } else if (schema.pattern !== undefined && !new RegExp(schema.pattern, 'u').test(value)) {
    const hint = scalarHint(kind, value)
    faults.push(hint === null ? mismatch(schema, value, path, 'cannot be read') : fault(path, hint, describe(value), expectedOf(schema)))
  } else if (kind !== undefined) {
    const problem = scalarFault(kind, value, schema)
    if (problem !== null) faults.push(mismatch(schema, value, path, problem))
  }
}

function visitNumber(schema: Schema, value: number, path: Path, faults: Fault[]): void {
  const { minimum = -Infinity, maximum = Infinity } = schema
  if (value < minimum) faults.push(mismatch(schema, value, path, `is less than ${minimum}`))
  if (value > maximum) faults.push(mismatch(schema, value, path, `is more than ${maximum}`))
}

function visitList(schema: Schema, value: readonly unknown[], path: Path, faults: Fault[]): unknown {
  const { items = {}, minItems = 0, maxItems = Infinity } = schema
  if (value.length < minItems) faults.push(mismatch(schema, value, path, 'is empty'))
  if (value.length > maxItems) faults.push(mismatch(schema, value, path, `has more than ${maxItems} entries`))
  return value.slice(0, maxItems).map((item, i) => visit(items, item, [...path, i], faults))
}

function visitMapping(schema: Schema, value: Readonly<Record<string, unknown>>, path: Path, faults: Fault[]): unknown {
  const known = schema.properties ?? {}
  const cleaned: [string, unknown][] = []
  for (const [key, item] of Object.entries(value)) {
    const itemSchema = Object.hasOwn(known, key) ? known[key] : patternSchema(schema, key)
    if (itemSchema === undefined) {
      faults.push(unknownKey(schema, key, path))
      cleaned.push([key, item]) // checks across the document see what was written
    } else if (item !== null || takesNull(itemSchema)) cleaned.push([key, visit(itemSchema, item, [...path, key], faults)])
  }
  const present = new Set(cleaned.map(([key]) => key))
  for (const key of schema.required ?? []) {
    if (!present.has(key)) faults.push(missingKey(known[key] ?? {}, key, path))
  }
  const { minProperties = 0, maxProperties = Infinity } = schema
  if (present.size < minProperties || present.size > maxProperties) {
    faults.push(fault(path, `${subject(path)} needs one key`, keyList([...present]), `one of ${keyList(Object.keys(known))}`))
  }
  return Object.fromEntries(cleaned)
}

const patternSchema = (schema: Schema, key: string): Schema | undefined =>
  Object.entries(schema.patternProperties ?? {}).find(([pattern]) => new RegExp(pattern, 'u').test(key))?.[1]

const takesNull = (schema: Schema): boolean => schema.type === 'null' || (schema.anyOf?.some(takesNull) ?? false)

function unknownKey(schema: Schema, key: string, path: Path): Fault {
  const at = { path: [...path, key], at: 'key', severity: 'error', found: `\`${key}\`` } as const
  const known = Object.keys(schema.properties ?? {})
  const later = Object.hasOwn(schema['x-later'] ?? {}, key) ? schema['x-later']?.[key] : undefined
  if (later !== undefined) return { ...at, text: later, expected: keyList(known) }
  if (schema.patternProperties) return { ...at, text: `\`${key}\` is no name of a header`, expected: 'letters, digits and dashes' }
  const meant = didYouMean(key, known)
  if (meant !== null) return { ...at, text: `\`${key}\` is not known here: did you mean \`${meant}\`?`, expected: `\`${meant}\`` }
  const home = known.find((name) => Object.hasOwn(schema.properties?.[name]?.properties ?? {}, key))
  if (home !== undefined) return { ...at, text: `\`${key}\` belongs into \`${home}\``, expected: `\`${home}: { ${key}: … }\`` }
  return { ...at, text: `\`${key}\` is not known here`, expected: known.length === 0 ? 'no keys' : keyList(known) }
}

const missingKey = (schema: Schema, key: string, path: Path): Fault =>
  fault(path, `\`${key}\` is missing`, undefined, `\`${key}\`: ${expectedOf(schema)}`)

function wrongType(schema: Schema, value: unknown, path: Path): Fault {
  const hint = scalarHint(schema['x-kind'], value)
  return fault(path, hint ?? `${subject(path)} is ${describe(value)}`, describe(value), expectedOf(schema))
}

const mismatch = (schema: Schema, value: unknown, path: Path, problem: string): Fault =>
  fault(path, `${subject(path)} ${problem}`, describe(value), expectedOf(schema))

const fault = (path: Path, text: string, found: string | undefined, expected: string): Fault => ({
  path,
  at: 'value',
  severity: 'error',
  text,
  ...(found !== undefined && { found }),
  expected
})

/** The nearest name on the way: `target`, or `host` for its second entry. */
const subject = (path: Path): string => {
  const name = path.findLast((step) => typeof step === 'string')
  return name === undefined ? 'the plan' : `\`${name}\``
}

const isMapping = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function hasTypeOf(schema: Schema, value: unknown): boolean {
  switch (schema.type) {
    case undefined:
      return true
    case 'null':
      return value === null
    case 'array':
      return Array.isArray(value)
    case 'object':
      return isMapping(value)
    case 'integer':
      return Number.isInteger(value)
    case 'number':
      return Number.isFinite(value)
    default:
      return typeof value === schema.type
  }
}

/** A value in a few characters, for `found`. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`
  if (typeof value === 'object') return 'a mapping'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

/** What a schema takes, in words. */
export function expectedOf(schema: Schema): string {
  if (schema['x-expected'] !== undefined) return schema['x-expected']
  if (schema.anyOf) return [...new Set(schema.anyOf.filter(({ type }) => type !== 'null').map(expectedOf))].join(', or ')
  if (schema.const !== undefined) return `\`${String(schema.const)}\``
  if (schema.enum) return keyList(schema.enum)
  switch (schema.type) {
    case 'array':
      return schema.items ? `a list, each entry ${expectedOf(schema.items)}` : 'a list'
    case 'object':
      return schema.properties ? `a mapping of ${keyList(Object.keys(schema.properties))}` : 'a mapping'
    case 'boolean':
      return 'true or false'
    case 'integer':
    case 'number':
      return numberText(schema)
    default:
      return 'text'
  }
}

const numberText = ({ type, minimum, maximum }: Schema): string => {
  const kind = type === 'integer' ? 'a whole number' : 'a number'
  return minimum !== undefined && maximum !== undefined ? `${kind} from ${minimum} to ${maximum}` : kind
}

export const keyList = (keys: readonly string[]): string => {
  const quoted = keys.map((key) => `\`${key}\``)
  return quoted.length < 2 ? (quoted[0] ?? 'nothing') : `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`
}
