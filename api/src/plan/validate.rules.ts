/**
 * Checks a document against its schema and finds every fault at once, each said in the words of
 * the plan. A validator for the part of JSON Schema that `schema/` uses; a property test holds its
 * yes and no equal to Ajv's.
 */
import { describe, describeText, expectedOf, keyList } from './fault-words.rules.ts'
import type { Fault, Path, Schema } from './fault.ts'
import { scalarFault, scalarHint } from './scalars.rules.ts'
import { didYouMean } from './suggest.rules.ts'

export interface Validated {
  /** The document without keys that have nothing behind them: `owner:` is as if it were not there. */
  readonly value: unknown
  readonly faults: readonly Fault[]
}

/** @param schema - a TypeBox schema made of what {@link Schema} names */
export function validate(schema: object, value: unknown): Validated {
  const faults: Fault[] = []
  return { value: visit(schema, value, [], faults), faults }
}

function visit(schema: Schema, value: unknown, path: Path, faults: Fault[]): unknown {
  if (schema.anyOf) return visitUnion(schema, schema.anyOf, value, path, faults)
  if (!hasTypeOf(schema, value)) {
    faults.push(wrongType(schema, value, path))
    return value
  }
  if (schema.const !== undefined && value !== schema.const)
    faults.push(mismatch(schema, value, path, 'is not known here'))
  if (typeof value === 'string') visitText(schema, value, path, faults)
  if (typeof value === 'number') visitNumber(schema, value, path, faults)
  if (Array.isArray(value)) return visitList(schema, value, path, faults)
  if (isMapping(value)) return visitMapping(schema, value, path, faults)
  return value
}

/** The branch that takes the value; else the faults of the branch that was meant; else one fault that names them all. */
function visitUnion(schema: Schema, branches: readonly Schema[], value: unknown, path: Path, faults: Fault[]): unknown {
  const tries = branches
    .filter((branch) => branch.anyOf !== undefined || hasTypeOf(branch, value))
    .map((branch) => {
      const found: Fault[] = []
      return { branch, cleaned: visit(branch, value, path, found), found }
    })
  const right = tries.find(({ found }) => found.length === 0)
  if (right) return right.cleaned
  const meant = tries.length === 1 ? tries[0] : tries.find(({ branch }) => hasForm(branch, value))
  if (!meant) {
    faults.push(noneOf(schema, branches, value, path))
    return value
  }
  // a word that is not on a short list may have been meant as another form altogether
  const { branch, cleaned, found } = meant
  faults.push(...found.map((fault) => (branch.enum ? { ...fault, expected: expectedOf(schema) } : fault)))
  return cleaned
}

/** Whether a text looks like what a branch takes, were it not for its value. */
const hasForm = ({ pattern }: Schema, value: unknown): boolean =>
  typeof value === 'string' && pattern !== undefined && new RegExp(pattern, 'u').test(value)

function noneOf(schema: Schema, branches: readonly Schema[], value: unknown, path: Path): Fault {
  const words = branches.flatMap((branch) => branch.enum ?? [])
  const meant = typeof value === 'string' ? didYouMean(value, words) : null
  const hint = branches.map((branch) => scalarHint(branch['x-kind'], value)).find((text) => text !== null)
  const text = meant === null ? (hint ?? `${subject(path)} cannot be read`) : `did you mean \`${meant}\`?`
  return fault(path, text, describe(value), expectedOf(schema))
}

function visitText(schema: Schema, value: string, path: Path, faults: Fault[]): void {
  const problem = textProblem(schema, value)
  if (problem === null) return
  const hint = problem === unreadable ? scalarHint(schema['x-kind'], value) : null
  faults.push(fault(path, hint ?? `${subject(path)} ${problem}`, describeText(schema, value), expectedOf(schema)))
}

const unreadable = 'cannot be read'

/** Why a text is not what a schema takes, as a sentence without its subject; null when it is. */
function textProblem(schema: Schema, value: string): string | null {
  const { minLength = 0, maxLength = Infinity, pattern, 'x-kind': kind } = schema
  if (schema.enum && !schema.enum.includes(value)) {
    const meant = didYouMean(value, schema.enum)
    return meant === null ? 'is not known here' : `is not known here: did you mean \`${meant}\`?`
  }
  if (value.length < minLength) return 'is empty'
  if (codePoints(value) > maxLength) return `is longer than ${maxLength} characters`
  if (pattern !== undefined && !new RegExp(pattern, 'u').test(value)) return unreadable
  return kind === undefined ? null : scalarFault(kind, value, schema)
}

/** As JSON Schema counts lengths. */
const codePoints = (text: string): number => Array.from(text).length

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
    } else if (item !== null || takesNull(itemSchema)) {
      cleaned.push([key, visit(itemSchema, item, [...path, key], faults)])
    }
  }
  const present = new Set(cleaned.map(([key]) => key))
  for (const key of schema.required ?? []) {
    if (!present.has(key)) faults.push(missingKey(known[key] ?? {}, key, path))
  }
  const { minProperties = 0, maxProperties = Infinity } = schema
  if (present.size < minProperties || present.size > maxProperties) {
    faults.push(
      fault(path, `${subject(path)} needs one key`, keyList([...present]), `one of ${keyList(Object.keys(known))}`)
    )
  }
  return Object.fromEntries(cleaned)
}

const patternSchema = (schema: Schema, key: string): Schema | undefined =>
  Object.entries(schema.patternProperties ?? {}).find(([pattern]) => new RegExp(pattern, 'u').test(key))?.[1]

const takesNull = (schema: Schema): boolean => schema.type === 'null' || (schema.anyOf?.some(takesNull) ?? false)

function unknownKey(schema: Schema, key: string, path: Path): Fault {
  const known = Object.keys(schema.properties ?? {})
  const fault = (text: string, expected: string): Fault => ({
    path: [...path, key],
    at: 'key',
    severity: 'error',
    text,
    found: `\`${key}\``,
    expected
  })
  const later = Object.entries(schema['x-later'] ?? {}).find(([name]) => name === key)
  if (later) return fault(later[1], keyList(known))
  if (schema.patternProperties) return fault(`\`${key}\` is no name of a header`, 'letters, digits and dashes')
  const unknown = `\`${key}\` is not known here`
  const meant = didYouMean(key, known)
  if (meant !== null) return fault(`${unknown}: did you mean \`${meant}\`?`, `\`${meant}\``)
  const home = known.find((name) => Object.hasOwn(schema.properties?.[name]?.properties ?? {}, key))
  if (home !== undefined) return fault(`\`${key}\` belongs into \`${home}\``, `\`${home}: { ${key}: … }\``)
  return fault(unknown, known.length === 0 ? 'no keys' : keyList(known))
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
