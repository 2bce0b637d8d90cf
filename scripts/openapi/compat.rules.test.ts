import t from 'tap'
import { announcesBreak, compareDocuments, type Document } from './compat.rules.ts'
import type { Schema } from './schema-compat.rules.ts'

const thing: Schema = {
  type: 'object',
  required: ['name', 'state'],
  properties: {
    name: { type: 'string' },
    state: { anyOf: [{ const: 'pass' }, { const: 'fail' }] },
    note: { type: 'string' },
    nested: { type: 'array', items: { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } } }
  }
}
const order: Schema = {
  type: 'object',
  required: ['kind'],
  properties: {
    kind: { enum: ['a', 'b'] },
    size: { type: 'integer', minimum: 1, maximum: 10 },
    tag: { type: 'string', maxLength: 9 }
  }
}

/** One good document, changed by replacing what a case names. */
function aDocument({ reply = thing, body = order, query = {}, operation = {}, paths = {} } = {}): Document {
  return {
    info: { version: '0.1.0' },
    components: { schemas: { Thing: reply } },
    paths: {
      '/things/{id}': {
        post: {
          operationId: 'postThing',
          parameters: [
            { name: 'id', in: 'path', required: true, schema: { type: 'string' } },
            { name: 'limit', in: 'query', schema: { type: 'integer', maximum: 500 }, ...query }
          ],
          requestBody: { content: { 'application/json': { schema: body } } },
          responses: {
            '200': { content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } } },
            '404': {}
          },
          ...operation
        }
      },
      ...paths
    }
  }
}

const withProperty = (schema: Schema, name: string, property: Schema, required: readonly string[] = []): Schema => ({
  ...schema,
  properties: { ...schema.properties, [name]: property },
  required: [...(schema.required ?? []), ...required]
})
const without = (schema: Schema, name: string): Schema => ({
  ...schema,
  properties: Object.fromEntries(Object.entries(schema.properties ?? {}).filter(([key]) => key !== name)),
  required: (schema.required ?? []).filter((key) => key !== name)
})
const get = { get: { operationId: 'getX', responses: { '200': {} } } }

const breaks = [
  { name: 'a path that is gone', before: aDocument({ paths: { '/x': get } }), after: aDocument() },
  { name: 'another name of an operation', after: aDocument({ operation: { operationId: 'other' } }) },
  { name: 'a reply field that is gone', after: aDocument({ reply: without(thing, 'note') }) },
  { name: 'a reply field that may be missing now', after: aDocument({ reply: { ...thing, required: ['name'] } }) },
  {
    name: 'a reply field of another type',
    after: aDocument({ reply: withProperty(thing, 'name', { type: 'number' }) })
  },
  {
    name: 'a reply field that may be null now',
    after: aDocument({ reply: withProperty(thing, 'name', { anyOf: [{ type: 'string' }, { type: 'null' }] }) })
  },
  {
    name: 'a field deep inside a reply that changed its type',
    after: aDocument({
      reply: withProperty(thing, 'nested', {
        type: 'array',
        items: { type: 'object', required: ['n'], properties: { n: { type: 'string' } } }
      })
    })
  },
  {
    name: 'a whole number in a reply that may be a fraction now',
    before: aDocument({ reply: withProperty(thing, 'n', { type: 'integer' }) }),
    after: aDocument({ reply: withProperty(thing, 'n', { type: 'number' }) })
  },
  { name: 'a reply status that is gone', after: aDocument({ operation: { responses: { '200': {} } } }) },
  {
    name: 'a request value that is refused now',
    after: aDocument({ body: withProperty(order, 'kind', { enum: ['a'] }) })
  },
  {
    name: 'a request value that is refused now, written as a union',
    before: aDocument({ body: thing }),
    after: aDocument({ body: withProperty(thing, 'state', { const: 'pass' }) })
  },
  { name: 'a new field that must be sent', after: aDocument({ body: withProperty(order, 'x', {}, ['x']) }) },
  { name: 'a field that must be sent now', after: aDocument({ body: { ...order, required: ['kind', 'size'] } }) },
  { name: 'a request field that is gone', after: aDocument({ body: without(order, 'tag') }) },
  {
    name: 'a lower ceiling of a request',
    after: aDocument({ body: withProperty(order, 'size', { type: 'integer', minimum: 1, maximum: 9 }) })
  },
  {
    name: 'a pattern where there was none',
    after: aDocument({ body: withProperty(order, 'tag', { type: 'string', maxLength: 9, pattern: '^a' }) })
  },
  { name: 'unknown fields refused', after: aDocument({ body: { ...order, additionalProperties: false } }) },
  { name: 'a query that must be given now', after: aDocument({ query: { required: true } }) },
  { name: 'a tighter query', after: aDocument({ query: { schema: { type: 'integer', maximum: 100 } } }) },
  {
    name: 'a media type that is not taken any more',
    after: aDocument({ operation: { requestBody: { content: { 'application/yaml': { schema: order } } } } })
  }
] satisfies Case[]

const additions = [
  { name: 'a new path', after: aDocument({ paths: { '/x': get } }) },
  { name: 'a new reply field', after: aDocument({ reply: withProperty(thing, 'more', { type: 'string' }, ['more']) }) },
  {
    name: 'a reply field that is always there now',
    after: aDocument({ reply: { ...thing, required: ['name', 'state', 'note'] } })
  },
  {
    name: 'a new value of an enumeration in a reply',
    after: aDocument({
      reply: withProperty(thing, 'state', { anyOf: [{ const: 'pass' }, { const: 'fail' }, { const: 'warn' }] })
    })
  },
  { name: 'a new request value', after: aDocument({ body: withProperty(order, 'kind', { enum: ['a', 'b', 'c'] }) }) },
  {
    name: 'any text where values were listed',
    after: aDocument({ body: withProperty(order, 'kind', { type: 'string' }) })
  },
  { name: 'a new field that may be sent', after: aDocument({ body: withProperty(order, 'x', { type: 'string' }) }) },
  { name: 'a field that need not be sent any more', after: aDocument({ body: { ...order, required: [] } }) },
  {
    name: 'a higher ceiling of a request',
    after: aDocument({ body: withProperty(order, 'size', { type: 'integer', minimum: 0, maximum: 99 }) })
  },
  {
    name: 'a new reply status',
    after: aDocument({
      operation: { responses: { ...aDocument().paths?.['/things/{id}']?.['post']?.responses, '429': {} } }
    })
  },
  {
    name: 'a reply field that is never null any more',
    before: aDocument({ reply: withProperty(thing, 'name', { type: ['string', 'null'] }) }),
    after: aDocument()
  }
] satisfies Case[]

type Case = { name: string; before?: Document; after: Document }

t.test('breaks are found', async (t) => {
  for (const { name, before = aDocument(), after } of breaks as Case[]) {
    const kinds = compareDocuments(before, after).map((change) => change.kind)
    t.ok(kinds.includes('breaking'), name)
  }
})

t.test('additions are no break', async (t) => {
  for (const { name, before = aDocument(), after } of additions as Case[]) {
    const kinds = compareDocuments(before, after).map((change) => change.kind)
    t.ok(kinds.length > 0 && kinds.every((kind) => kind === 'additive'), name)
  }
})

t.test('nothing changed is nothing said', async (t) => {
  t.same(compareDocuments(aDocument(), aDocument()), [])
  const renamed = aDocument()
  const moved = { ...renamed, paths: { '/things/{thing}': renamed.paths?.['/things/{id}'] ?? {} } }
  t.same(compareDocuments(renamed, moved), [], 'the name of a path parameter may change')
})

t.test('a schema that contains itself is compared once', async (t) => {
  const tree = (leaf: Schema): Schema => ({
    type: 'object',
    properties: { leaf, child: { $ref: '#/components/schemas/Thing' } }
  })
  const changes = compareDocuments(
    aDocument({ reply: tree({ type: 'string' }) }),
    aDocument({ reply: tree({ type: 'number' }) })
  )
  t.ok(changes.some((c) => c.kind === 'breaking' && c.where === 'POST /things/{} 200/leaf'))
})

t.test('a break is announced by the major version, before 1.0 by the minor', async (t) => {
  t.notOk(announcesBreak('0.1.0', '0.1.9'))
  t.ok(announcesBreak('0.1.9', '0.2.0'))
  t.notOk(announcesBreak('1.4.0', '1.5.0'))
  t.ok(announcesBreak('1.4.0', '2.0.0'))
})
