/** The part of JSON Schema that our documents use. */
export interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema | readonly Schema[]
  readonly [keyword: string]: unknown
}

/** Who writes the value: a caller (`request`) or Plimsoll (`reply`). What is a break for one is a gift to the other. */
export type Direction = 'request' | 'reply'

export interface Change {
  readonly kind: 'breaking' | 'additive'
  /** Where: `GET /api/v1/services 200 /services/[]/name`. */
  readonly where: string
  readonly text: string
}

interface Sides {
  readonly direction: Direction
  /** Finds a `$ref` of the older document. */
  readonly before: (ref: string) => Schema
  /** Finds a `$ref` of the newer document. */
  readonly after: (ref: string) => Schema
}

/**
 * What changed between two schemas, as those see it who were written against the older one.
 *
 * A request may become more tolerant, a reply more exact or richer; the other way round breaks. New values of an
 * enumeration in a reply count as additive: readers are told to expect values they do not know.
 */
export function compareSchemas(before: Schema, after: Schema, where: string, sides: Sides): Change[] {
  return compare(before, after, where, sides, new Set())
}

function compare(old: Schema, now: Schema, where: string, sides: Sides, seen: ReadonlySet<string>): Change[] {
  const pair = `${old.$ref}→${now.$ref}`
  if (old.$ref && now.$ref && seen.has(pair)) return [] // a schema that contains itself
  const inside = old.$ref && now.$ref ? new Set([...seen, pair]) : seen
  const olds = alternatives(old, sides.before)
  const nows = alternatives(now, sides.after)
  const gone = [...olds.keys()].filter((key) => !takes(nows, key))
  const fresh = [...nows.keys()].filter((key) => !takes(olds, key))
  return [
    ...gone.map((key) => ({ kind: whenGone(sides.direction, key), where, text: `${key} is gone` })),
    ...fresh.map((key) => ({ kind: whenNew(sides.direction, key), where, text: `${key} is new` })),
    ...[...olds].flatMap(([key, a]) => {
      const b = nows.get(key)
      return b ? [...compareLimits(a, b, where, sides), ...compareInside(a, b, where, sides, inside)] : []
    })
  ]
}

/** An integer is a number, and a literal is a value of its type. */
const takes = (kinds: ReadonlyMap<string, Schema>, key: string): boolean =>
  kinds.has(key) || kinds.has('anything') || (key === 'integer' && kinds.has('number')) || kinds.has(literalType(key))

const literalType = (key: string): string => {
  if (!isValue(key)) return ''
  const value: unknown = JSON.parse(key.slice('value '.length))
  return value === null ? 'null' : typeof value
}

const isValue = (key: string) => key.startsWith('value ')

/** A request that takes less breaks callers; a reply that gives less breaks nobody unless a whole type is lost. */
const whenGone = (direction: Direction, key: string): Change['kind'] =>
  direction === 'reply' && (isValue(key) || key === 'null') ? 'additive' : 'breaking'

/** A reply of a type that readers have not met breaks them; a value they have not met is expected of them. */
const whenNew = (direction: Direction, key: string): Change['kind'] =>
  direction === 'request' || isValue(key) ? 'additive' : 'breaking'

/** The kinds of value a schema takes: its types, and each literal by itself. */
function alternatives(schema: Schema, find: (ref: string) => Schema): Map<string, Schema> {
  const kinds = new Map<string, Schema>()
  const add = (key: string, one: Schema) => {
    const there = kinds.get(key)
    kinds.set(key, there && key === 'object' ? mergeObjects(there, one) : one)
  }
  const visit = (one: Schema): void => {
    if (one.$ref) return visit(find(one.$ref))
    const union = one.anyOf ?? one.oneOf
    if (union) return union.forEach(visit)
    if (one.allOf)
      return visit(one.allOf.reduce<Schema>((all, part) => intersect(all, resolve(part, find)), { type: 'object' }))
    if ('const' in one) return add(`value ${JSON.stringify(one.const)}`, one)
    if (one.enum) return one.enum.forEach((value) => add(`value ${JSON.stringify(value)}`, one))
    for (const type of [one.type ?? 'anything'].flat()) add(type, one)
  }
  visit(schema)
  return kinds
}

const resolve = (schema: Schema, find: (ref: string) => Schema): Schema =>
  schema.$ref ? resolve(find(schema.$ref), find) : schema

const intersect = (a: Schema, b: Schema): Schema => ({
  ...a,
  ...b,
  properties: { ...a.properties, ...b.properties },
  required: [...(a.required ?? []), ...(b.required ?? [])]
})

/** Of several objects in a union only what all of them require is required. */
const mergeObjects = (a: Schema, b: Schema): Schema => ({
  ...a,
  ...b,
  properties: { ...a.properties, ...b.properties },
  required: (a.required ?? []).filter((name) => b.required?.includes(name))
})

const floors = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties']
const ceilings = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties']

/** Limits matter to those who write: a caller that kept the older limit must still be heard. */
function compareLimits(old: Schema, now: Schema, where: string, { direction }: Sides): Change[] {
  if (direction === 'reply') return []
  const number = (schema: Schema, keyword: string, none: number) => Number(schema[keyword] ?? none)
  const isTighter = (keyword: string) =>
    floors.includes(keyword)
      ? number(now, keyword, -Infinity) > number(old, keyword, -Infinity)
      : ceilings.includes(keyword)
        ? number(now, keyword, Infinity) < number(old, keyword, Infinity)
        : now[keyword] !== undefined
  return [...floors, ...ceilings, 'pattern', 'format']
    .filter((keyword) => now[keyword] !== old[keyword])
    .map((keyword) => ({
      kind: isTighter(keyword) ? 'breaking' : 'additive',
      where,
      text: `${keyword} ${show(old[keyword])} became ${show(now[keyword])}`
    }))
}

const show = (value: unknown): string => (value === undefined ? 'unlimited' : JSON.stringify(value))

function compareInside(old: Schema, now: Schema, where: string, sides: Sides, seen: ReadonlySet<string>): Change[] {
  return [
    ...compareProperties(old, now, where, sides, seen),
    ...pairs(old.items, now.items).flatMap(([a, b], i) => compare(a, b, `${where}/[${i || ''}]`, sides, seen)),
    ...pairs(extras(old), extras(now)).flatMap(([a, b]) => compare(a, b, `${where}/*`, sides, seen)),
    ...(sides.direction === 'request' && old.additionalProperties !== false && now.additionalProperties === false
      ? [{ kind: 'breaking' as const, where, text: 'unknown fields are refused now' }]
      : [])
  ]
}

const extras = (schema: Schema): Schema | undefined =>
  typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined

/** `items` is one schema, or one per place of a tuple. */
function pairs(a: Schema['items'], b: Schema['items']): [Schema, Schema][] {
  const [left, right] = [a, b].map((s) => (s === undefined ? [] : [s].flat()))
  return (left ?? []).flatMap((schema, i) => (right?.[i] ? [[schema, right[i]] as [Schema, Schema]] : []))
}

function compareProperties(old: Schema, now: Schema, where: string, sides: Sides, seen: ReadonlySet<string>): Change[] {
  const { properties: before = {}, required: wasRequired = [] } = old
  const { properties: after = {}, required: isRequired = [] } = now
  const request = sides.direction === 'request'
  const out: Change[] = []
  const say = (kind: Change['kind'], name: string, text: string) => out.push({ kind, where: `${where}/${name}`, text })
  for (const [name, schema] of Object.entries(before)) {
    const next = after[name]
    if (!next) {
      say('breaking', name, 'field is gone')
      continue
    }
    const [was, is] = [wasRequired.includes(name), isRequired.includes(name)]
    if (was && !is) say(request ? 'additive' : 'breaking', name, 'field became optional')
    if (!was && is) say(request ? 'breaking' : 'additive', name, 'field became required')
    out.push(...compare(schema, next, `${where}/${name}`, sides, seen))
  }
  for (const name of Object.keys(after).filter((n) => !(n in before))) {
    const forced = request && isRequired.includes(name)
    say(forced ? 'breaking' : 'additive', name, forced ? 'field is new and required' : 'field is new')
  }
  return out
}
