/** Whether an IP address is this machine: 127.0.0.0/8, ::1, and the former written as IPv6. */
export const isLoopbackAddress = (address: string): boolean => {
  const plain = address.replace(/^::ffff:/i, '')
  return /^127(\.\d{1,3}){3}$/.test(plain) || plain === '::1'
}

/** Whether a URL's host means the machine that asks. */
export const isThisMachine = (hostname: string): boolean =>
  hostname === 'localhost' || hostname.endsWith('.localhost') || isLoopbackAddress(hostname.replace(/^\[|\]$/g, ''))

/** What stands in `--yes-i-may-load`: a host, with or without its port; compared without case. */
export const isNamed = (url: URL, allowed: readonly string[]): boolean =>
  allowed.some((name) => {
    const wanted = name.trim().toLowerCase()
    return wanted !== '' && (wanted === url.host || wanted === url.hostname || `[${wanted}]` === url.hostname)
  })

/** A URL for people and for keeping: without user, password, query and fragment. */
export const shownTarget = (url: URL): string => `${url.origin}${url.pathname}`
