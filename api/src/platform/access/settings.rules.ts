import { isLoopbackHost } from './loopback.rules.ts'
import { parseRoleMap } from './role-map.rules.ts'

/** What {@link accessFaults} looks at. */
export interface AccessSettings {
  readonly LOOPBACK_OPEN: boolean
  readonly API_TOKEN: string
  readonly PUBLIC_URL: string
  readonly OIDC_ISSUER: string
  readonly OIDC_CLIENT_ID: string
  readonly OIDC_ROLES: string
  readonly WORKLOAD_JWKS_URL: string
  readonly WORKLOAD_ROLES: string
}

/**
 * Settings of access that do not go together, or that nobody could mean.
 *
 * @returns names of settings, in the order of the schema
 */
export function accessFaults(settings: AccessSettings): (keyof AccessSettings)[] {
  const { LOOPBACK_OPEN, API_TOKEN, PUBLIC_URL, OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_ROLES } = settings
  const { WORKLOAD_JWKS_URL, WORKLOAD_ROLES } = settings
  const signIn = OIDC_ISSUER !== ''
  return [
    // nobody could call at all
    ...(LOOPBACK_OPEN || API_TOKEN || signIn || WORKLOAD_JWKS_URL ? [] : (['LOOPBACK_OPEN'] as const)),
    ...((PUBLIC_URL === '' ? !signIn : isOrigin(PUBLIC_URL) && (isPrivate(PUBLIC_URL) || !signIn))
      ? []
      : (['PUBLIC_URL'] as const)),
    ...(!signIn || isPrivate(OIDC_ISSUER) ? [] : (['OIDC_ISSUER'] as const)),
    ...(signIn && OIDC_CLIENT_ID === '' ? (['OIDC_CLIENT_ID'] as const) : []),
    ...(isMap(OIDC_ROLES, signIn) ? [] : (['OIDC_ROLES'] as const)),
    ...(WORKLOAD_JWKS_URL === '' || URL.canParse(WORKLOAD_JWKS_URL) ? [] : (['WORKLOAD_JWKS_URL'] as const)),
    ...(isMap(WORKLOAD_ROLES, WORKLOAD_JWKS_URL !== '') ? [] : (['WORKLOAD_ROLES'] as const))
  ]
}

/** As a browser writes it in `Origin`: so it can be compared. */
const isOrigin = (text: string): boolean => URL.canParse(text) && new URL(text).origin === text

/** Whether nobody on the way can read or change what goes there. */
const isPrivate = (text: string): boolean => {
  if (!URL.canParse(text)) return false
  const { protocol, host } = new URL(text)
  return protocol === 'https:' || isLoopbackHost(host)
}

const isMap = (text: string, needed: boolean): boolean => {
  const { rules } = parseRoleMap(text)
  return rules !== undefined && (rules.length > 0 || !needed)
}
