/** What a probe came to. `failed` speaks of the service; `not_run` of us, and is neither success nor failure of anybody. */
export type Finding =
  | { readonly kind: 'ok' }
  | { readonly kind: 'failed'; readonly code: FailureCode; readonly text: string; readonly hint: string }
  | { readonly kind: 'not_run'; readonly code: NotRunCode; readonly text: string; readonly hint: string }

export type FailureCode =
  | 'timeout'
  | 'dns_failure'
  | 'connection_refused'
  | 'connection_reset'
  | 'host_unreachable'
  | 'certificate_expired'
  | 'certificate_not_trusted'
  | 'certificate_name_mismatch'
  | 'tls_failure'
  | 'invalid_http'
  | 'too_many_redirects'
  | 'redirect_refused'
  | 'unexpected_status'
  | 'unexpected_body'
  | 'request_failed'

export type NotRunCode =
  | 'resolver_unreachable'
  | 'network_down'
  | 'out_of_resources'
  | 'stalled'
  | 'secret_missing'
  | 'address_forbidden'
  | 'pattern_too_slow'

interface Known {
  readonly code: FailureCode
  readonly text: string
  readonly hint: string
}

const known = (code: FailureCode, text: string, hint: string): Known => ({ code, text, hint })

const dns = known('dns_failure', 'the name does not resolve', 'check the host name of the probe and its DNS records')
const refused = known(
  'connection_refused',
  'nothing listens there',
  'check that the service runs and the port is right'
)
const reset = known('connection_reset', 'the connection was cut', 'look into the log of the service or of its proxy')
const unreachable = known(
  'host_unreachable',
  'the host cannot be reached',
  'check routes and firewalls towards the host'
)
const expired = known(
  'certificate_expired',
  'the certificate has expired',
  'renew it; look why it was not renewed by itself'
)
const untrusted = known(
  'certificate_not_trusted',
  'the certificate is not signed by an authority we trust',
  'serve the whole chain, add the authority with NODE_EXTRA_CA_CERTS, or set tls.verify: false'
)
const otherName = known(
  'certificate_name_mismatch',
  'the certificate is for another name',
  'probe a name that the certificate holds'
)

const failures: Readonly<Record<string, Known>> = {
  ENOTFOUND: dns,
  ECONNREFUSED: refused,
  ECONNRESET: reset,
  EPIPE: reset,
  EHOSTUNREACH: unreachable,
  EHOSTDOWN: unreachable,
  ETIMEDOUT: known('timeout', 'no connection in time', 'check that the host is up and answers on that port'),
  CERT_HAS_EXPIRED: expired,
  CERT_NOT_YET_VALID: known('certificate_expired', 'the certificate is not valid yet', 'check the clocks'),
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  ERR_TLS_CERT_ALTNAME_INVALID: otherName
}

const resources = {
  code: 'out_of_resources',
  text: 'this machine had no socket, file or memory left',
  hint: 'raise the limits of the process (ulimit -n)'
} as const

const ours: Readonly<Record<string, { readonly code: NotRunCode; readonly text: string; readonly hint: string }>> = {
  EAI_AGAIN: {
    code: 'resolver_unreachable',
    text: 'no name server answered',
    hint: 'check the resolver of the machine Plimsoll runs on'
  },
  ENETUNREACH: {
    code: 'network_down',
    text: 'this machine has no route there',
    hint: 'check the network of the machine Plimsoll runs on, and the address family of the probe'
  },
  PLIMSOLL_ADDRESS_FORBIDDEN: {
    code: 'address_forbidden',
    text: 'link-local addresses hand out credentials on cloud machines: they are not asked',
    hint: 'probe another address, or set ALLOW_LINK_LOCAL=true where plans are trusted with the metadata of this machine'
  },
  PLIMSOLL_PATTERN_TOO_SLOW: {
    code: 'pattern_too_slow',
    text: 'expect.body.matches took more than 100 ms on this answer',
    hint: 'write an expression without nested repetitions, or use expect.body.contains'
  },
  ENETDOWN: { code: 'network_down', text: 'the network of this machine is down', hint: 'bring it up' },
  EMFILE: resources,
  ENFILE: resources,
  ENOBUFS: resources,
  ENOMEM: resources,
  EADDRNOTAVAIL: resources
}

/**
 * What an error of Node's network code says of the service, or of us.
 *
 * Ours (not run, nothing counted): no name server answers at all, no route from this machine, no
 * sockets or memory left here. Everything else is what a user would have met too.
 *
 * @param error - as emitted by `http.request` (an AggregateError carries one error per address tried)
 */
export function findingOf(error: unknown): Finding {
  const code = codeOf(error)
  const own = ours[code]
  if (own) return { kind: 'not_run', ...own }
  const failure = failures[code]
  if (failure) return { kind: 'failed', ...failure }
  const detail = error instanceof Error ? error.message : String(error)
  if (code.startsWith('HPE_')) {
    return {
      kind: 'failed',
      code: 'invalid_http',
      text: `the answer is not HTTP (${code})`,
      hint: 'check scheme and port'
    }
  }
  if (/^(ERR_SSL|ERR_TLS|EPROTO|CERT_|UNABLE_TO_|HOSTNAME_MISMATCH)/.test(code)) {
    return {
      kind: 'failed',
      code: 'tls_failure',
      text: `TLS failed (${code})`,
      hint: 'check scheme, port and certificate'
    }
  }
  return { kind: 'failed', code: 'request_failed', text: detail, hint: 'try the same request with curl -v' }
}

const codeOf = (error: unknown): string => {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0])
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  return ''
}

/** Shorter waits than this say nothing of our own stalls, ms. */
const leastStallMs = 250

/**
 * Whether a timeout is our own doing: the process was held up (stopped, starved, suspended) for so
 * long that the service had no fair chance to be heard.
 *
 * @param timeoutMs - what the probe allowed, ms
 * @param stalledMs - longest time during the probe in which our timers did not run, ms
 */
export const isOwnStall = (timeoutMs: number, stalledMs: number): boolean =>
  stalledMs >= Math.max(leastStallMs, timeoutMs / 2)

/** HTTP statuses end at 599: what a failed probe counts as when its answer was none of 5xx. */
const failedStatus = 599

/**
 * The status a probe is counted under: a failed one always as 5xx, one that was as expected never,
 * even where 503 is what the plan expects.
 */
export function countedStatus(ok: boolean, status: number | null): number {
  if (ok) return status === null || status >= 500 ? 200 : status
  return status !== null && status >= 500 ? status : failedStatus
}
