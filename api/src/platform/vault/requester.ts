import nodeVault from 'node-vault'
import type { Static, TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { vaultAnswer } from './errors.ts'
import { faultOfAnswer, faultOfFailure, type BadAnswer, type Purpose } from './faults.rules.ts'
import { openTransport, type TransportOptions } from './transport.ts'

export interface ClientOptions extends TransportOptions {
  /** VAULT_ADDR */
  readonly address: string
  /** VAULT_NAMESPACE; empty: the root. */
  readonly namespace: string
}

export interface Call extends Purpose {
  readonly method: 'GET' | 'POST' | 'PUT'
  /** Below /v1, its parts already encoded. */
  readonly path: string
  readonly token?: string
  readonly json?: object
  /** Besides the token, what must not be quoted. */
  readonly secrets?: readonly string[]
}

export interface Requester {
  /**
   * @param schema - what the answer must look like
   * @throws one of the errors of errors.ts, without the request
   */
  readonly call: <Answer extends TSchema>(schema: Answer, call: Call) => Promise<Static<Answer>>
  readonly close: () => Promise<void>
}

/** Requests by node-vault, of which nothing else is used: renewal, timeouts and errors are our own. */
export function openRequester({ address, namespace, ...transportOptions }: ClientOptions): Requester {
  const transport = openTransport(transportOptions)
  const vault = nodeVault({
    endpoint: address,
    debug: () => {}, // it would print what is written
    'request-promise': { defaults: () => transport.send }
  })
  // set here and not above, where an empty one would be replaced by that of the environment
  Object.assign(vault, { token: '', namespace, pathPrefix: '' })

  const call = async <Answer extends TSchema>(
    schema: Answer,
    { token, json, method, path, secrets = [], ...purpose }: Call
  ): Promise<Static<Answer>> => {
    const hidden = token === undefined ? secrets : [token, ...secrets]
    let answer: unknown
    try {
      const headers = token === undefined ? {} : { 'X-Vault-Token': token }
      answer = await vault.request({ method, path: `/${path}`, headers, ...(json && { json }) })
    } catch (error) {
      const bad = badAnswerOf(error)
      // neither the cause nor its text goes on: both may hold the request
      throw bad === null
        ? faultOfFailure(codeOf(error), purpose, address)
        : faultOfAnswer(bad, { ...purpose, doing: `${purpose.doing} at ${address}` }, hidden)
    }
    if (Value.Check(schema, answer)) return answer
    throw vaultAnswer(`${purpose.doing} at ${address}: the answer has another shape`)
  }

  return { call, close: () => transport.close() }
}

/** node-vault's own templates leave quotes and ampersands broken. */
export const encoded = (path: string): string => path.split('/').map(encodeURIComponent).join('/')

const badAnswerOf = (error: unknown): BadAnswer | null => {
  const { response } = error as { response?: { statusCode?: unknown; body?: unknown } }
  return typeof response?.statusCode === 'number' ? { status: response.statusCode, body: response.body } : null
}

/** The code of a network error, which may lie in its cause. */
const codeOf = (error: unknown): string | undefined => {
  for (let at = error, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth++) {
    const { code } = at as NodeJS.ErrnoException
    if (typeof code === 'string') return code
    if (at instanceof AggregateError) return codeOf(at.errors[0])
  }
  return undefined
}
