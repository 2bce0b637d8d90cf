import type { FastifyInstance } from 'fastify'

/** Names and properties of our cookies. */
export interface Cookies {
  /** The secret of a session that a request shows; null: none. */
  session(header: string | undefined): string | null
  setSession(secret: string, maxAgeS: number): string
  clearSession(): string
  /** What a sign-in under way has to remember; null: none is. */
  signIn(header: string | undefined): string | null
  setSignIn(value: string, maxAgeS: number): string
  clearSignIn(): string
}

/**
 * Cookies that scripts cannot read and other sites cannot make us use: HttpOnly and SameSite=Lax.
 * With TLS they also carry `__Host-`, which no other host of the domain can set (RFC 6265bis, 4.1.3.2).
 *
 * @param app - with @fastify/cookie
 * @param secure - people reach the page by https
 */
export function cookiesOf(app: FastifyInstance, secure: boolean): Cookies {
  const prefix = secure ? '__Host-' : ''
  const session = `${prefix}plimsoll-session`
  const signIn = `${prefix}plimsoll-sign-in`
  const options = { path: '/', httpOnly: true, sameSite: 'lax', secure } as const
  const read = (header: string | undefined, name: string): string | null => {
    if (header === undefined || !header.includes(name)) return null
    return app.parseCookie(header)[name] || null
  }
  const write = (name: string, value: string, maxAge: number): string =>
    app.serializeCookie(name, value, { ...options, maxAge })
  return {
    session: (header) => read(header, session),
    setSession: (secret, maxAgeS) => write(session, secret, maxAgeS),
    clearSession: () => write(session, '', 0),
    signIn: (header) => read(header, signIn),
    setSignIn: (value, maxAgeS) => write(signIn, value, maxAgeS),
    clearSignIn: () => write(signIn, '', 0)
  }
}
