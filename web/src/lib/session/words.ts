import type { AuditEntry, Me } from '@plimsoll/api/contract'

/** Why a sign-in ended without a session, by the code in the address of the page. */
const problems: Readonly<Record<string, string>> = {
  cancelled: 'The sign-in was cancelled with the identity provider.',
  not_allowed:
    'The identity provider knows you, but no role of Plimsoll is meant for you. Ask an admin to add you to a group of OIDC_ROLES.',
  expired: 'The sign-in took too long, or began in another browser. Begin again.',
  failed: 'What the identity provider answered could not be trusted. An admin finds the reason in the audit log.',
  unavailable: 'The identity provider does not answer. Try again in a moment; tokens are not affected.'
}

/** @returns null when nothing went wrong */
export const problemText = (code: string | null): string | null =>
  code === null ? null : (problems[code] ?? 'The sign-in did not succeed.')

/** `admin`, `deployer of shop, cart`. */
export const roleText = ({ role, services }: Pick<Me, 'role' | 'services'>): string =>
  `${role ?? 'nobody'}${services === null ? '' : ` of ${services.join(', ')}`}`

/** What the bar calls somebody. */
export const shortName = ({ kind, name }: Pick<Me, 'kind' | 'name'>): string => {
  if (kind === 'local') return 'This machine'
  return kind === 'anyone' ? 'Sign in' : name
}

/** `name=ci role=viewer`: what an entry says besides. */
export const detailText = ({ detail }: Pick<AuditEntry, 'detail'>): string =>
  Object.entries(detail)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
