/** What {@link accessText} looks at. */
interface WaysIn {
  readonly LOOPBACK_OPEN: boolean
  readonly OIDC_ISSUER: string
  readonly WORKLOAD_JWKS_URL: string
}

/** Who is let in, in one sentence for people; where this machine is open it says so. */
export const accessText = ({ LOOPBACK_OPEN, OIDC_ISSUER, WORKLOAD_JWKS_URL }: WaysIn): string => {
  const ways = ['with a token', OIDC_ISSUER && 'signed in', WORKLOAD_JWKS_URL && 'as a workload'].filter(Boolean)
  const others = ways.length > 1 ? `${ways.slice(0, -1).join(', ')} or ${ways.at(-1)}` : ways[0]
  return LOOPBACK_OPEN ? `this machine without credentials, others ${others}` : `only ${others}`
}
