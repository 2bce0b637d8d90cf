import type { Static, TSchema } from 'typebox'
import { Problem } from './primitives.ts'

/** Who may call: roles in rising order; each may do what those before it may. */
export type Access = 'public' | 'viewer' | 'deployer' | 'operator' | 'admin'

/** What is shed first under load: `low` first, `vital` never. */
export type Priority = 'vital' | 'high' | 'normal' | 'low'

export interface RouteDescriptor {
  readonly summary: string
  readonly description?: string
  readonly tag: string
  readonly access: Access
  readonly priority: Priority
  /**
   * What a caller who is held to some services may do here, where the path names none: `any`, it is about
   * no service; `handler`, the handler asks `requireService`. Absent: such a caller may only read.
   */
  readonly services?: 'any' | 'handler'
  /** False: a write that is measurement or changes nothing, and leaves no entry in the audit log. */
  readonly audit?: false
  readonly params?: TSchema
  readonly query?: TSchema
  readonly headers?: TSchema
  readonly body?: TSchema
  /** Media types of the request body when it is not JSON; the handler then reads the raw stream. */
  readonly consumes?: readonly string[]
  /** Reply of success; absent: no body (204). */
  readonly reply?: TSchema
  /** Status of success; 200 with a reply, 204 without, unless said. */
  readonly status?: 200 | 201 | 202 | 204 | 302
  /** Media type of a reply that is not JSON. */
  readonly produces?: string
  /** Replies beside success that carry the success schema, e.g. 503 of `/readyz`. */
  readonly alsoStatus?: readonly number[]
}

/** Routes by `METHOD /path/{param}`. */
export type Routes = Readonly<Record<string, RouteDescriptor>>

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** The Fastify side of a descriptor: spread into `app.route({ ...on(routes, key), handler })`. */
export function on<R extends Routes, K extends keyof R & string>(routes: R, key: K) {
  const descriptor = routes[key] as R[K]
  const [method, path] = key.split(' ') as [Method, string]
  const success = descriptor.status ?? (descriptor.reply ? 200 : 204)
  const response: Record<string, unknown> = { '4xx': problemReply, '5xx': problemReply }
  for (const status of [success, ...(descriptor.alsoStatus ?? [])]) {
    response[status] = replySchema(descriptor)
  }
  return {
    method,
    url: path.replaceAll(/\{(\w+)\}/g, ':$1'),
    schema: {
      summary: descriptor.summary,
      ...(descriptor.description && { description: descriptor.description }),
      tags: [descriptor.tag],
      operationId: operationId(method, path),
      ...(descriptor.params && { params: descriptor.params }),
      ...(descriptor.query && { querystring: descriptor.query }),
      ...(descriptor.headers && { headers: descriptor.headers }),
      ...(descriptor.body && { body: descriptor.body }),
      ...(descriptor.consumes && { consumes: [...descriptor.consumes] }),
      response
    } as unknown as FastifySchemaOf<R[K]>,
    config: {
      access: descriptor.access,
      priority: descriptor.priority,
      route: key,
      ...(descriptor.services && { services: descriptor.services }),
      ...(descriptor.audit === false && { audit: false as const })
    }
  }
}

const problemReply = {
  description: 'Problem details',
  content: { 'application/problem+json': { schema: Problem } }
}

const replySchema = (descriptor: RouteDescriptor): unknown => {
  if (!descriptor.reply) return { type: 'null', description: 'No content' }
  if (!descriptor.produces) return descriptor.reply
  return { description: descriptor.summary, content: { [descriptor.produces]: { schema: descriptor.reply } } }
}

/** `GET /api/v1/services/{service}/traffic` → `getServicesByServiceTraffic`. */
const operationId = (method: string, path: string): string =>
  method.toLowerCase() +
  path
    .replace(/^\/api\/v1/, '')
    .split('/')
    .filter(Boolean)
    .map((part) => (part.startsWith('{') ? `By-${part.slice(1, -1)}` : part))
    .join('-')
    .split(/[-._]/)
    .filter(Boolean)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')

type Field<D, K extends string> = D extends { readonly [P in K]: infer S extends TSchema } ? S : undefined

/** What the type provider needs to know of a descriptor. */
type FastifySchemaOf<D> = (Field<D, 'params'> extends TSchema ? { params: Field<D, 'params'> } : unknown) &
  (Field<D, 'query'> extends TSchema ? { querystring: Field<D, 'query'> } : unknown) &
  (Field<D, 'headers'> extends TSchema ? { headers: Field<D, 'headers'> } : unknown) &
  (Field<D, 'body'> extends TSchema ? { body: Field<D, 'body'> } : unknown) &
  (Field<D, 'reply'> extends TSchema
    ? { response: { 200: Field<D, 'reply'>; 201: Field<D, 'reply'>; 202: Field<D, 'reply'> } }
    : object)

type StaticOf<S> = S extends TSchema ? Static<S> : undefined

export type ParamsOf<D> = StaticOf<Field<D, 'params'>>
export type QueryOf<D> = StaticOf<Field<D, 'query'>>
export type BodyOf<D> = StaticOf<Field<D, 'body'>>
export type ReplyOf<D> = StaticOf<Field<D, 'reply'>>
