import type { Me, Role } from '@plimsoll/api/contract'

const ROLES: readonly Role[] = ['viewer', 'deployer', 'operator', 'admin']

/**
 * Why a caller may not do something to a service, or (null) to all of them; null when it may, or while nobody knows who calls:
 * the API decides in any case.
 */
export const refusalOf = (
  me: Pick<Me, 'role' | 'services' | 'name'> | null,
  role: Role,
  service: string | null
): string | null => {
  if (me === null) return null
  if (me.services !== null && (service === null || !me.services.includes(service)))
    return `${me.name} is held to other services.`
  if (me.role === null) return `This needs the role ${role}: sign in, or give a token.`
  if (ROLES.indexOf(me.role) < ROLES.indexOf(role)) return `This needs the role ${role}; ${me.name} is ${me.role}.`
  return null
}
