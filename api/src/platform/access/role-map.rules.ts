import type { Role } from '../../contract/access.ts'

/** Who gets a role. */
export interface RoleRule {
  readonly role: Role
  /** Null: all services. */
  readonly services: readonly string[] | null
  /** All of them must hold; none: it holds for everybody. */
  readonly claims: readonly { readonly name: string; readonly value: string }[]
}

export type RoleMap =
  { readonly rules: readonly RoleRule[]; readonly fault?: never } | { readonly fault: string; readonly rules?: never }

const head = /^(viewer|deployer|operator|admin)(?:\/([a-z0-9._+-]+))?$/

/**
 * Rules as they stand in a setting: `admin: groups=sre; operator/shop+cart: groups=shop & region=eu; viewer: *`.
 *
 * @returns the rules in their order, or what is wrong with the first that cannot be read
 */
export function parseRoleMap(text: string): RoleMap {
  const rules: RoleRule[] = []
  for (const part of text.split(';').map((one) => one.trim())) {
    if (part === '') continue
    const colon = part.indexOf(':')
    const found = head.exec(part.slice(0, Math.max(0, colon)).trim())
    if (!found) return { fault: `"${part}" does not begin with a role and a colon` }
    const claims = claimsOf(part.slice(colon + 1).trim())
    if (typeof claims === 'string') return { fault: claims }
    const services = found[2]?.split('+').filter(Boolean) ?? null
    rules.push({ role: found[1] as Role, services, claims })
  }
  return { rules }
}

const claimsOf = (text: string): RoleRule['claims'] | string => {
  if (text === '*') return []
  const claims: { name: string; value: string }[] = []
  for (const pair of text.split('&').map((one) => one.trim())) {
    const equals = pair.indexOf('=')
    const [name, value] = [pair.slice(0, Math.max(0, equals)).trim(), pair.slice(equals + 1).trim()]
    if (name === '' || value === '') return `"${pair}" is no CLAIM=VALUE`
    claims.push({ name, value })
  }
  return claims
}

/**
 * The role that claims give: that of the first rule all of whose claims hold.
 *
 * A claim holds when its value, or one of its values where it is a list, is exactly the one named.
 * A name with dots reaches into objects (`realm_access.roles`) unless a claim is called just so.
 *
 * @returns null: nobody we know
 */
export function roleOf(
  rules: readonly RoleRule[],
  claims: Readonly<Record<string, unknown>>
): Pick<RoleRule, 'role' | 'services'> | null {
  const rule = rules.find((one) => one.claims.every(({ name, value }) => holds(claims, name, value)))
  return rule ? { role: rule.role, services: rule.services } : null
}

const holds = (claims: Readonly<Record<string, unknown>>, name: string, value: string): boolean =>
  [valueAt(claims, name)]
    .flat()
    .some((one) => ['string', 'number', 'boolean'].includes(typeof one) && String(one) === value)

const valueAt = (claims: Readonly<Record<string, unknown>>, name: string): unknown => {
  if (Object.hasOwn(claims, name)) return claims[name]
  let value: unknown = claims
  for (const step of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Record<string, unknown>)[step]
  }
  return value
}
