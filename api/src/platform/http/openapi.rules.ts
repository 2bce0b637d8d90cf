import type { RouteDescriptor, Routes } from '../../contract/index.ts'
import { on } from '../../contract/index.ts'

type Json = Record<string, unknown>

export interface OpenApiDocument {
  readonly openapi: '3.1.0'
  readonly info: Json & { readonly version: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Json>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Json>>; readonly securitySchemes: Json }
  readonly tags: readonly Json[]
}

/**
 * The OpenAPI 3.1 document of some routes. Schemas with an `$id` become components of that name.
 *
 * @param routes - the contract
 * @param version - of the API
 * @param more - schemas that no route names but readers need, e.g. of pushed lines and of live events
 * @throws Error when two different schemas carry the same `$id`
 * @see https://spec.openapis.org/oas/v3.1.0
 */
export function openApiDocument(routes: Routes, version: string, more: readonly object[] = []): OpenApiDocument {
  const schemas = new Map<string, Json>()
  const paths: Record<string, Record<string, Json>> = {}
  for (const [key, descriptor] of Object.entries(routes)) {
    const [method, path] = key.split(' ') as [string, string]
    paths[path] = { ...paths[path], [method.toLowerCase()]: operation(routes, key, descriptor, schemas) }
  }
  for (const schema of more) refer(schema, schemas)
  const tags = [...new Set(Object.values(routes).map(({ tag }) => tag))].toSorted()
  return {
    openapi: '3.1.0',
    info: {
      title: 'Plimsoll',
      version,
      description:
        'Counts requests, keeps error budgets and says whether a promise holds. Times are RFC 3339 in UTC, durations milliseconds, ratios 0 to 1. Errors are RFC 9457 problem details. Readers must expect fields and values they do not know.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' }
    },
    tags: tags.map((name) => ({ name })),
    paths,
    components: {
      schemas: Object.fromEntries([...schemas].toSorted(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description: 'API_TOKEN of the server; callers on its machine need none'
        }
      }
    }
  }
}

const operation = (routes: Routes, key: string, descriptor: RouteDescriptor, schemas: Map<string, Json>): Json => {
  const { operationId } = on(routes, key).schema as { operationId: string }
  const parameters = [
    ...parametersIn('path', descriptor.params, schemas),
    ...parametersIn('query', descriptor.query, schemas),
    ...parametersIn('header', descriptor.headers, schemas)
  ]
  const body = requestBody(descriptor, schemas)
  return {
    operationId,
    tags: [descriptor.tag],
    summary: descriptor.summary,
    ...(descriptor.description && { description: descriptor.description }),
    'x-access': descriptor.access,
    'x-priority': descriptor.priority,
    security: descriptor.access === 'public' ? [] : [{}, { token: [] }],
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: body }),
    responses: responses(descriptor, schemas)
  }
}

const parametersIn = (
  place: 'path' | 'query' | 'header',
  schema: object | undefined,
  schemas: Map<string, Json>
): Json[] => {
  const { properties = {}, required = [] } = (schema ?? {}) as {
    properties?: Record<string, object>
    required?: string[]
  }
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...rest } = refer(property, schemas)
    return {
      name,
      in: place,
      required: place === 'path' || required.includes(name),
      ...(description !== undefined && { description }),
      schema: rest
    }
  })
}

const requestBody = ({ body, consumes }: RouteDescriptor, schemas: Map<string, Json>): Json | null => {
  if (consumes)
    return { required: true, content: Object.fromEntries(consumes.map((type) => [type, { schema: rawSchema(type) }])) }
  return body ? { required: true, content: { 'application/json': { schema: refer(body, schemas) } } } : null
}

/** A body that the route reads by itself: JSON of any shape, lines of text, or bytes. */
const rawSchema = (mediaType: string): Json => {
  if (mediaType === 'application/json') return { type: 'object' }
  return mediaType === 'application/octet-stream' ? {} : { type: 'string' }
}

const responses = (descriptor: RouteDescriptor, schemas: Map<string, Json>): Json => {
  const { reply, produces = 'application/json', status = reply ? 200 : 204, alsoStatus = [] } = descriptor
  const success = {
    description: descriptor.summary,
    ...(reply && { content: { [produces]: { schema: refer(reply, schemas) } } })
  }
  const problem = {
    description: 'Problem details',
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }
  }
  return {
    ...Object.fromEntries([status, ...alsoStatus].map((code) => [String(code), success])),
    '4XX': problem,
    '5XX': problem
  }
}

/** A schema as plain JSON in which every schema with an `$id` is a reference to a component. */
const refer = (schema: object, schemas: Map<string, Json>): Json => {
  const plain = JSON.parse(JSON.stringify(schema)) as Json
  return replaceNamed(plain, schemas) as Json
}

const replaceNamed = (value: unknown, schemas: Map<string, Json>): unknown => {
  if (Array.isArray(value)) return value.map((item) => replaceNamed(item, schemas))
  if (typeof value !== 'object' || value === null) return value
  const { $id, ...rest } = value as Json
  const inner = Object.fromEntries(Object.entries(rest).map(([key, item]) => [key, replaceNamed(item, schemas)]))
  if (typeof $id !== 'string') return inner
  const known = schemas.get($id)
  if (known && JSON.stringify(known) !== JSON.stringify(inner)) throw new Error(`two schemas are called ${$id}`)
  schemas.set($id, inner)
  return { $ref: `#/components/schemas/${$id}` }
}
