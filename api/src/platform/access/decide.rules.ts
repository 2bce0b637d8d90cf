import type { Role } from '../../contract/access.ts'
import type { Access } from '../../contract/route.ts'
import type { Caller } from './caller.ts'

const ranks: Readonly<Record<Access, number>> = { public: 0, viewer: 1, deployer: 2, operator: 3, admin: 4 }

/** Whether a role suffices for a route; null suffices for what is public. */
export const covers = (role: Role | null, access: Access): boolean =>
  (role === null ? ranks.public : ranks[role]) >= ranks[access]

/** Whether a caller may touch a service at all. */
export const mayUse = ({ services }: Caller, service: string): boolean =>
  services === null || services.includes(service)

/** What a call is for. */
export interface Target {
  readonly access: Access
  /** The service that the path or the query names; null: none. */
  readonly service: string | null
  /** As the route declares it. */
  readonly services: 'any' | 'handler' | undefined
}

export type Refusal =
  /** Nobody is known who could be refused. */
  | { readonly kind: 'unauthenticated' }
  | { readonly kind: 'role'; readonly needs: Role }
  | { readonly kind: 'service'; readonly service: string | null }

/**
 * Whether a caller may do what a route does.
 *
 * The role must suffice. A caller held to some services moreover may use only routes of these, read
 * what names no service, and do what the route says is about none; where the handler finds the
 * service in the body, the handler decides.
 *
 * @returns null: yes
 */
export function refusalOf(caller: Caller, { access, service, services }: Target): Refusal | null {
  if (access === 'public') return null
  if (!covers(caller.role, access)) {
    const unknown = caller.kind === 'anyone' || caller.kind === 'local'
    return unknown ? { kind: 'unauthenticated' } : { kind: 'role', needs: access }
  }
  if (caller.services === null || services !== undefined) return null
  if (service === null) return access === 'viewer' ? null : { kind: 'service', service: null }
  return mayUse(caller, service) ? null : { kind: 'service', service }
}
