import type { FailureKind } from './tally.ts'

const kinds: Readonly<Record<string, FailureKind>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  ECONNABORTED: 'reset',
  UND_ERR_SOCKET: 'reset',
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  ETIMEDOUT: 'timeout',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout',
  UND_ERR_HEADERS_OVERFLOW: 'protocol',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'protocol',
  UND_ERR_RES_EXCEEDED_MAX_SIZE: 'too_large',
  // this machine has no port, file or buffer left: the server was not even asked
  EADDRNOTAVAIL: 'sender',
  EMFILE: 'sender',
  ENFILE: 'sender',
  ENOBUFS: 'sender',
  ENOMEM: 'sender'
}

/** Why a connection or a reply failed, from the error's code; the first known code along its causes. */
export const failureOf = (error: unknown): FailureKind => {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (at.name === 'HTTPParserError') return 'protocol'
    // an aborted request has a number for its code
    const { code } = at as { code?: unknown }
    if (typeof code !== 'string') continue
    const known = kinds[code]
    if (known) return known
    if (isTls(code)) return 'tls'
  }
  return 'other'
}

const isTls = (code: string): boolean =>
  /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO_|EPROTO$)/.test(code) || code.endsWith('_CERT_IN_CHAIN')
