/** View state lives in the address: filters, ranges, tabs and the dialog that is open. */

/** What this needs of an address; a `URL` is one. */
export interface Address {
  readonly pathname: string
  readonly search: string
}

/** What reading an address needs of its query. */
export interface Query {
  get(name: string): string | null
}

export type Params = Readonly<Record<string, string | null | undefined>>

/**
 * Path and query of an address with some parameters changed; null, undefined and empty ones are removed.
 * Colons and slashes, which a query may hold, stay readable.
 */
export const withParams = (url: Address, changes: Params): string => {
  const params = new URLSearchParams(url.search)
  for (const [name, value] of Object.entries(changes)) {
    if (value) params.set(name, value)
    else params.delete(name)
  }
  const query = params.toString().replaceAll('%3A', ':').replaceAll('%2F', '/')
  return url.pathname + (query && `?${query}`)
}
