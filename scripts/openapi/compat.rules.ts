import { compareSchemas, type Change, type Direction, type Schema } from './schema-compat.rules.ts'

type Content = Readonly<Record<string, { readonly schema?: Schema }>>

interface Parameter {
  readonly name: string
  readonly in: string
  readonly required?: boolean
  readonly schema?: Schema
}

interface Operation {
  readonly operationId?: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly required?: boolean; readonly content?: Content }
  readonly responses?: Readonly<Record<string, { readonly content?: Content }>>
}

/** The part of an OpenAPI 3.1 document that callers depend on. */
export interface Document {
  readonly info: { readonly version: string }
  readonly paths?: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> }
}

const methods = new Set(['get', 'put', 'post', 'delete', 'patch', 'head', 'options'])

/** What callers written against the older document find in the newer one. Additions are no break. */
export function compareDocuments(before: Document, after: Document): Change[] {
  const old = operations(before)
  const now = operations(after)
  return [
    ...[...old.keys()].filter((key) => !now.has(key)).map((where) => breaking(where, 'operation is gone')),
    ...[...now.keys()].filter((key) => !old.has(key)).map((where) => additive(where, 'operation is new')),
    ...[...old].flatMap(([key, a]) => {
      const b = now.get(key)
      return b ? compareOperations(key, a, b, { before, after }) : []
    })
  ]
}

/**
 * Whether the version number announces a break: another major, or another minor while the major is 0.
 * @see Semantic Versioning 2.0.0, items 4 and 8
 */
export function announcesBreak(before: string, after: string): boolean {
  const [oldMajor, oldMinor] = before.split('.').map(Number)
  const [major, minor] = after.split('.').map(Number)
  return major !== oldMajor || (major === 0 && minor !== oldMinor)
}

const breaking = (where: string, text: string): Change => ({ kind: 'breaking', where, text })
const additive = (where: string, text: string): Change => ({ kind: 'additive', where, text })

/** `GET /api/v1/services/{}`: the name of a path parameter is nobody's business. */
function operations(document: Document): Map<string, Operation> {
  return new Map(
    Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
      Object.entries(item)
        .filter(([method]) => methods.has(method))
        .map(([method, operation]): [string, Operation] => [
          `${method.toUpperCase()} ${path.replaceAll(/\{[^}]*\}/g, '{}')}`,
          operation
        ])
    )
  )
}

type Documents = { readonly before: Document; readonly after: Document }

function compareOperations(where: string, old: Operation, now: Operation, documents: Documents): Change[] {
  return [
    ...(old.operationId === now.operationId
      ? []
      : [
          breaking(where, `operationId ${old.operationId} became ${now.operationId}: generated clients call it by that`)
        ]),
    ...compareParameters(where, old, now, documents),
    ...compareBodies(where, old, now, documents),
    ...compareReplies(where, old, now, documents)
  ]
}

const sides = (direction: Direction, { before, after }: Documents) => ({
  direction,
  before: finder(before),
  after: finder(after)
})

const finder =
  (document: Document) =>
  (ref: string): Schema =>
    document.components?.schemas?.[ref.split('/').at(-1) ?? ''] ?? {}

function compareParameters(where: string, old: Operation, now: Operation, documents: Documents): Change[] {
  const key = (p: Parameter, i: number) => (p.in === 'path' ? `path ${i}` : `${p.in} ${p.name}`)
  const byKey = (operation: Operation) => {
    const all = operation.parameters ?? []
    const inPath = all.filter((p) => p.in === 'path')
    return new Map(all.map((p) => [key(p, inPath.indexOf(p)), p]))
  }
  const before = byKey(old)
  const after = byKey(now)
  return [
    ...[...before].flatMap(([name, a]) => {
      const b = after.get(name)
      if (!b) return [breaking(`${where} ${name}`, 'parameter is gone')]
      return [
        ...(b.required && !a.required ? [breaking(`${where} ${name}`, 'parameter became required')] : []),
        ...compareSchemas(a.schema ?? {}, b.schema ?? {}, `${where} ${name}`, sides('request', documents))
      ]
    }),
    ...[...after]
      .filter(([name]) => !before.has(name))
      .map(([name, b]) =>
        b.required
          ? breaking(`${where} ${name}`, 'parameter is new and required')
          : additive(`${where} ${name}`, 'parameter is new')
      )
  ]
}

function compareBodies(where: string, old: Operation, now: Operation, documents: Documents): Change[] {
  const forced = now.requestBody?.required === true && old.requestBody?.required !== true
  return [
    ...(forced ? [breaking(`${where} body`, 'body became required')] : []),
    ...compareContent(`${where} body`, old.requestBody?.content, now.requestBody?.content, 'request', documents)
  ]
}

function compareReplies(where: string, old: Operation, now: Operation, documents: Documents): Change[] {
  const after = now.responses ?? {}
  return [
    ...Object.entries(old.responses ?? {}).flatMap(([status, reply]) => {
      const next = after[status]
      return next
        ? compareContent(`${where} ${status}`, reply.content, next.content, 'reply', documents)
        : [breaking(`${where} ${status}`, 'reply is gone')]
    }),
    ...Object.keys(after)
      .filter((status) => !(status in (old.responses ?? {})))
      .map((status) => additive(`${where} ${status}`, 'reply is new'))
  ]
}

function compareContent(
  where: string,
  old: Content = {},
  now: Content = {},
  direction: Direction,
  documents: Documents
): Change[] {
  return [
    ...Object.entries(old).flatMap(([type, a]) => {
      const b = now[type]
      return b
        ? compareSchemas(a.schema ?? {}, b.schema ?? {}, where, sides(direction, documents))
        : [breaking(where, `${type} is gone`)]
    }),
    ...Object.keys(now)
      .filter((type) => !(type in old))
      .map((type) => additive(where, `${type} is new`))
  ]
}
