import { hash } from 'node:crypto'

/**
 * JSON with one spelling (RFC 8785): keys in the order of their UTF-16 code units, no spaces. Who has the
 * same facts gets the same bytes, and so the same hash.
 *
 * @param value - plain JSON; keys whose value is undefined are left out
 */
export const canonicalJson = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`)
  return `{${members.join(',')}}`
}

/** SHA-256 of the canonical JSON, lower-case hex. */
export const sha256Of = (value: unknown): string => hash('sha256', canonicalJson(value))
