import { hash } from 'node:crypto'
import type { Envelope, Verdict } from '../../contract/gate.ts'
import { canonicalJson } from './canonical-json.rules.ts'

/** Media type of an in-toto statement in a DSSE envelope. */
export const payloadType = 'application/vnd.in-toto+json'
const statementType = 'https://in-toto.io/Statement/v1'
/** Names the shape of the predicate: a verdict of the release gate, first version. */
export const predicateType = 'urn:plimsoll:verdict:v1'

/** An in-toto statement, version 1: this verdict is about this version of this service. */
export interface Statement {
  readonly _type: string
  readonly subject: readonly { readonly name: string; readonly digest: Readonly<Record<string, string>> }[]
  readonly predicateType: string
  readonly predicate: Verdict
}

export const statementOf = (verdict: Verdict): Statement => ({
  _type: statementType,
  subject: [{ name: `${verdict.service}@${verdict.version}`, digest: digestOf(verdict) }],
  predicateType,
  predicate: verdict
})

/**
 * What the version names: the digest of an image, a git commit, or else its own name, hashed
 * (SHA-256 of `service@version`), for a statement must have a digest.
 */
const digestOf = ({ service, version }: Verdict): Record<string, string> => {
  const image = /(?:^|@)sha256:([0-9a-f]{64})$/.exec(version)?.[1]
  if (image) return { sha256: image }
  if (/^[0-9a-f]{40}$/.test(version)) return { gitCommit: version }
  return { sha256: hash('sha256', `${service}@${version}`) }
}

/** The bytes that a DSSE signature covers: the payload with its type, each with its length in bytes before it. */
export const preAuthentication = (type: string, payload: Uint8Array): Uint8Array =>
  Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.byteLength} `), payload])

/** The statement's bytes, as they are signed. */
export const payloadOf = (verdict: Verdict): Uint8Array => Buffer.from(canonicalJson(statementOf(verdict)))

export const envelopeOf = (payload: Uint8Array, keyId: string, signature: Uint8Array): Envelope => ({
  payloadType,
  payload: Buffer.from(payload).toString('base64'),
  signatures: [{ keyid: keyId, sig: Buffer.from(signature).toString('base64') }]
})

export type Opened =
  | { readonly ok: true; readonly statement: Statement; readonly keyId: string }
  | { readonly ok: false; readonly why: string }

/** Whether a signature over these bytes was made with the key of this id; null: that key is not known. */
export type CheckSignature = (keyId: string, bytes: Uint8Array, signature: Uint8Array) => boolean | null

/**
 * Opens an envelope: the signature first, then what it says.
 *
 * @param envelope - anything that was read
 */
export function openEnvelope(envelope: unknown, check: CheckSignature): Opened {
  if (!isEnvelope(envelope)) return { ok: false, why: 'it is no DSSE envelope' }
  if (envelope.payloadType !== payloadType) {
    return { ok: false, why: `it holds ${envelope.payloadType}, not an in-toto statement` }
  }
  const payload = Buffer.from(envelope.payload, 'base64')
  const bytes = preAuthentication(envelope.payloadType, payload)
  const checked = envelope.signatures.map(({ keyid, sig }) => ({
    keyid,
    good: check(keyid, bytes, Buffer.from(sig, 'base64'))
  }))
  const good = checked.find((each) => each.good === true)
  if (!good) {
    const isKnown = checked.some((each) => each.good === false)
    const keys = checked.map(({ keyid }) => keyid).join(', ') || 'none'
    return {
      ok: false,
      why: isKnown ? 'the signature does not fit what it says' : `it was signed by another key (${keys})`
    }
  }
  const statement = parse(payload)
  const { ['_type']: type = null } = statement ?? {}
  if (!statement || type !== statementType || statement.predicateType !== predicateType) {
    return { ok: false, why: 'it is signed, but is no verdict' }
  }
  const { predicate, subject } = statement
  if (subject[0]?.name !== `${predicate.service}@${predicate.version}`) {
    return { ok: false, why: 'its subject is another than its verdict is about' }
  }
  return { ok: true, statement, keyId: good.keyid }
}

const parse = (payload: Buffer): Statement | null => {
  try {
    return JSON.parse(payload.toString('utf8')) as Statement
  } catch {
    return null
  }
}

const isEnvelope = (value: unknown): value is Envelope => {
  if (typeof value !== 'object' || value === null) return false
  const { payloadType: type, payload, signatures } = value as Partial<Envelope>
  return (
    typeof type === 'string' &&
    typeof payload === 'string' &&
    Array.isArray(signatures) &&
    signatures.every((each: unknown) => {
      const { keyid, sig } = (each ?? {}) as Record<string, unknown>
      return typeof keyid === 'string' && typeof sig === 'string'
    })
  )
}
