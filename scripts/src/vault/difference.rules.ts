/** A word, a number or a list as it is compared: Vault gives back durations as seconds and lists in its own order. */
const comparable = (value: unknown): unknown => {
  if (Array.isArray(value))
    return value.map(comparable).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, inner]) => [key, comparable(inner)])
    )
  }
  return typeof value === 'string' ? value.trim() : value
}

/**
 * Names of what is wanted and not so.
 *
 * @param found - as Vault gives it back; what it holds besides is none of our business
 * @param wanted - durations in seconds
 */
export const differingKeys = (
  found: Readonly<Record<string, unknown>>,
  wanted: Readonly<Record<string, unknown>>
): string[] =>
  Object.keys(wanted).filter(
    (key) => JSON.stringify(comparable(found[key])) !== JSON.stringify(comparable(wanted[key]))
  )
