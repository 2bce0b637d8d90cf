/** Where a call comes from, as far as it says. */
export interface Origin {
  /** Address of the other end of the connection; undefined when it is gone. */
  readonly remoteAddress: string | undefined
  /** Addresses that a forwarding header names; null when there is no such header. */
  readonly forwardedFor: readonly string[] | null
  readonly host: string | undefined
  readonly origin: string | undefined
}

/** What keeps a call from counting as this machine's; null: nothing does. */
export interface Obstacles {
  readonly reading: string | null
  readonly writing: string | null
  /** A page of another site sent it: no credential would help. */
  readonly foreignPage: boolean
}

/**
 * Whether a call comes from this machine. It may read when everything it says of itself is local,
 * and write when moreover nothing stands between (no forwarding header) and no foreign page sent it
 * (Origin). The Host is looked at because a foreign page can point its own name at 127.0.0.1 (DNS
 * rebinding).
 */
export function obstaclesOf({ remoteAddress, forwardedFor, host, origin }: Origin): Obstacles {
  if (!isLoopbackAddress(remoteAddress)) return both('it comes from another machine')
  if (!isLoopbackHost(host)) return both(`its Host ${JSON.stringify(host ?? '')} is not a name of this machine`)
  if (forwardedFor && !forwardedFor.every(isLoopbackAddress)) return both('it was forwarded by a proxy')
  if (origin !== undefined && !isLoopbackOrigin(origin)) {
    return { ...both(`the page ${JSON.stringify(origin)} may not call`), foreignPage: true }
  }
  return { reading: null, writing: forwardedFor ? 'it was forwarded by a proxy' : null, foreignPage: false }
}

const both = (text: string): Obstacles => ({ reading: text, writing: text, foreignPage: false })

/** 127.0.0.0/8 and ::1, also as IPv4 in IPv6. */
export const isLoopbackAddress = (address: string | undefined): boolean =>
  address !== undefined && /^(::ffff:)?127(\.\d{1,3}){3}$|^::1$/.test(address.trim())

/** `localhost`, a name below it, or a loopback address, with or without a port. */
export const isLoopbackHost = (host: string | undefined): boolean =>
  host !== undefined && /^(([a-z0-9-]+\.)*localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i.test(host)

const isLoopbackOrigin = (origin: string): boolean => isLoopbackHost(/^https?:\/\/(.+)$/.exec(origin)?.[1])
