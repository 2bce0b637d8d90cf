import type { CodedError } from '../errors.ts'
import {
  vaultAnswer,
  vaultBusy,
  vaultCertificate,
  vaultDeleted,
  vaultDenied,
  vaultLoginRefused,
  vaultNamespace,
  vaultNotFound,
  vaultSealed,
  vaultSlow,
  vaultStandby,
  vaultTokenRefused,
  vaultUninitialised,
  vaultUnreachable
} from './errors.ts'

/** What was asked for: the same status means something else for each. */
export interface Purpose {
  readonly kind: 'login' | 'token' | 'use'
  /** For people: `reading secret/data/shop`. Holds no secret. */
  readonly doing: string
}

/** What came back instead of a good answer. */
export interface BadAnswer {
  readonly status: number
  readonly body: unknown
}

/** Statuses of sys/health and of a node that is not the active one. */
const standbyStatuses: ReadonlySet<number> = new Set([307, 308, 429, 472, 473])
const longestQuote = 300

/**
 * Names a refusal of Vault.
 *
 * @param answer - status and body; the body is not believed to have any shape
 * @param purpose - what was asked for
 * @param secrets - what was sent and must not be quoted
 */
export function faultOfAnswer(answer: BadAnswer, purpose: Purpose, secrets: readonly string[] = []): CodedError {
  const { status } = answer
  const { kind, doing } = purpose
  const words = clean(errorsOf(answer.body), secrets)
  const told = `${doing}: ${words || `status ${status}`}`
  if (/namespace not found|no handler for route.*namespace/i.test(words)) return vaultNamespace(told)
  if (/Vault is sealed|barrier is sealed/i.test(words)) return vaultSealed(told)
  if (/HTTP request to an HTTPS server/i.test(words))
    return vaultUnreachable(told, { hint: 'VAULT_ADDR must be https://' })
  if (status === 501) return vaultUninitialised(told)
  if (/quota exceeded|too many requests|rate limit/i.test(words)) return vaultBusy(told)
  if (standbyStatuses.has(status) || /standby|no active|not the leader/i.test(words)) return vaultStandby(told)
  if (status >= 500 || status === 412) return vaultBusy(told)
  if (kind === 'login') return loginFault(told, words, status)
  if (status === 403 || /missing client token/.test(words)) {
    return kind === 'token'
      ? vaultTokenRefused(told, { hint: 'it expired, was revoked, or belongs to another namespace' })
      : vaultDenied(told, { hint: `allow it in the policy of this login (vault/policies), or check VAULT_NAMESPACE` })
  }
  const deletedAt = deletionOf(answer.body)
  if (status === 404 && deletedAt !== null) {
    return vaultDeleted(`${doing}: the version was ${deletedAt}`, {
      hint: 'put a new version there (vault kv put), or bring it back (vault kv undelete)'
    })
  }
  if (status === 404) return vaultNotFound(told, { hint: notFoundHint(words) })
  return vaultAnswer(told)
}

const loginFault = (told: string, words: string, status: number): CodedError => {
  if (/wrapping token/.test(words)) {
    return vaultLoginRefused(told, {
      hint: 'a wrapped secret id works once and for a short time: give a fresh one; when nobody here has used it, somebody else has: revoke its accessor'
    })
  }
  // newer ones do not say which of the two it was
  if (/secret.?id|role.?id/i.test(words)) {
    return vaultLoginRefused(told, {
      hint: 'compare VAULT_ROLE_ID; when it is right, the secret id is wrong, used up or expired: put a fresh one into VAULT_SECRET_ID_FILE'
    })
  }
  if (/audience|\baud\b|expired|signature|claim|jwt|token|role/i.test(words) && status !== 403) {
    return vaultLoginRefused(told, {
      hint: 'compare the identity (audience, job, namespace) with the role in Vault (vault read auth/jwt-nomad/role/…) and VAULT_ROLE'
    })
  }
  return vaultLoginRefused(told, {
    hint: 'check VAULT_AUTH_PATH and VAULT_NAMESPACE: is the login method enabled there?'
  })
}

const notFoundHint = (words: string): string => {
  if (/versioned K\/V/i.test(words)) return 'VAULT_KV_MOUNT must be the mount alone and VAULT_KV_PATH the path below it'
  if (/no handler|unsupported path|route entry/i.test(words)) return 'check the mount: vault secrets list'
  return 'check the path, and that something was put there'
}

/** What `fetch`-like clients throw: told by the code, since their texts may hold the request. */
export function faultOfFailure(code: string | undefined, { doing }: Purpose, address: string): CodedError {
  if (code === undefined) return vaultUnreachable(`${doing}: ${address} ended the connection`)
  if (code === 'TIMEOUT' || /TIMEOUT|TIMEDOUT/.test(code)) return vaultSlow(`${doing}: no answer of ${address} in time`)
  if (/CERT|SIGNED|SIGNATURE|ISSUER|ALTNAME|CRL/.test(code)) return vaultCertificate(`${doing}: ${address}: ${code}`)
  if (/SSL|TLS|EPROTO|WRONG_VERSION/.test(code)) {
    return vaultUnreachable(`${doing}: ${address} does not speak TLS (${code})`, {
      hint: 'is VAULT_ADDR https:// where Vault listens without TLS, or another program?'
    })
  }
  if (/HPE_|PARSER|RES_EXCEEDED/.test(code)) return vaultAnswer(`${doing}: ${address} does not speak HTTP (${code})`)
  return vaultUnreachable(`${doing}: ${address}: ${code}`)
}

const errorsOf = (body: unknown): string => {
  if (typeof body === 'string') return body
  const { errors, warnings } = (body ?? {}) as { errors?: unknown; warnings?: unknown }
  return [errors, warnings]
    .flatMap((list) => (Array.isArray(list) ? list : []))
    .filter((line) => typeof line === 'string')
    .join('; ')
}

/** In words, when this is KV's answer about a version that is no longer there; null otherwise. */
const deletionOf = (body: unknown): string | null => {
  const metadata = (body as { data?: { metadata?: { deletion_time?: unknown; destroyed?: unknown } } } | null)?.data
    ?.metadata
  if (metadata === undefined) return null
  if (metadata.destroyed === true) return 'destroyed'
  return typeof metadata.deletion_time === 'string' && metadata.deletion_time !== ''
    ? `deleted at ${metadata.deletion_time.slice(0, 40)}`
    : null
}

/** Tokens of Vault and OpenBao, and JSON Web Tokens, however they got into a text. */
const secretShapes = /\b(?:hv[sbr]|[sbr])\.[\w-]{20,}|\beyJ[\w-]+\.[\w-]+\.[\w-]*/g

/** One line without secrets, short enough to be read. */
export const clean = (text: string, secrets: readonly string[]): string => {
  let line = text.replaceAll(/\s+/g, ' ').trim()
  for (const secret of secrets) if (secret.length >= 4) line = line.replaceAll(secret, '[hidden]')
  line = line.replaceAll(secretShapes, '[hidden]')
  return line.length > longestQuote ? `${line.slice(0, longestQuote)}…` : line
}
