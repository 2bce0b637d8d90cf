import type { Access } from '../../contract/index.ts'

/** A call, as far as it says who makes it. */
export interface Caller {
  /** Address of the other end of the connection; undefined when it is gone. */
  readonly remoteAddress: string | undefined
  /** Addresses that a forwarding header names; null when there is no such header. */
  readonly forwardedFor: readonly string[] | null
  readonly host: string | undefined
  readonly origin: string | undefined
  /** Null: none was sent. */
  readonly tokenMatches: boolean | null
}

export interface AccessRules {
  /** Callers on this machine need no token. */
  readonly loopbackOpen: boolean
  readonly hasToken: boolean
}

export type Decision =
  | { readonly allowed: true; readonly as: 'anyone' | 'local' | 'token' }
  | {
      readonly allowed: false
      readonly refusal: 'unauthenticated' | 'denied'
      readonly detail: string
      readonly hint: string
    }

/**
 * Who may call what. Public routes: anybody. A token may do everything. Without one, a caller on
 * this machine may read when everything it says of itself is local, and write when moreover nothing
 * stands between (no forwarding header) and no foreign page sent it (Origin). The Host is looked at
 * because a foreign page can point its own name at 127.0.0.1 (DNS rebinding).
 *
 * @param access - least role of the route
 * @param caller - what the request shows
 * @param rules - what the operator has set
 */
export function decideAccess(access: Access, caller: Caller, { loopbackOpen, hasToken }: AccessRules): Decision {
  if (access === 'public') return { allowed: true, as: 'anyone' }
  if (caller.tokenMatches === true) return { allowed: true, as: 'token' }
  if (caller.tokenMatches === false) {
    return unauthenticated(
      hasToken ? 'The token is wrong' : 'No token is set on this server',
      'compare it with API_TOKEN of the server'
    )
  }
  const obstacle = loopbackOpen ? obstacleOf(caller, access !== 'viewer') : 'LOOPBACK_OPEN is false'
  if (obstacle === null) return { allowed: true, as: 'local' }
  if (hasToken) return unauthenticated(`This call needs a token: ${obstacle}`, 'send Authorization: Bearer <API_TOKEN>')
  return {
    allowed: false,
    refusal: 'denied',
    detail: `This call is not allowed: ${obstacle}`,
    hint: 'set API_TOKEN on the server and send Authorization: Bearer <API_TOKEN>, or call from the machine itself'
  }
}

const unauthenticated = (detail: string, hint: string): Decision => ({
  allowed: false,
  refusal: 'unauthenticated',
  detail,
  hint
})

/** Why a caller is not plainly on this machine; null when it is. */
const obstacleOf = ({ remoteAddress, forwardedFor, host, origin }: Caller, writes: boolean): string | null => {
  if (!isLoopbackAddress(remoteAddress)) return 'it comes from another machine'
  if (!isLoopbackHost(host)) return `its Host ${JSON.stringify(host ?? '')} is not a name of this machine`
  if (forwardedFor && (writes || !forwardedFor.every(isLoopbackAddress))) return 'it was forwarded by a proxy'
  if (origin !== undefined && !isLoopbackOrigin(origin)) return `the page ${JSON.stringify(origin)} may not call`
  return null
}

/** 127.0.0.0/8 and ::1, also as IPv4 in IPv6. */
export const isLoopbackAddress = (address: string | undefined): boolean =>
  address !== undefined && /^(::ffff:)?127(\.\d{1,3}){3}$|^::1$/.test(address.trim())

/** `localhost`, a name below it, or a loopback address, with or without a port. */
export const isLoopbackHost = (host: string | undefined): boolean =>
  host !== undefined && /^(([a-z0-9-]+\.)*localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i.test(host)

const isLoopbackOrigin = (origin: string): boolean => isLoopbackHost(/^https?:\/\/(.+)$/.exec(origin)?.[1])
