/**
 * Puts a user into the address of a database.
 *
 * @param url - `postgres://[USER[:PASSWORD]@]HOST/DATABASE`
 */
export function withUser(url: string, username: string, password: string): string {
  const parsed = new URL(url)
  parsed.username = encodeURIComponent(username)
  parsed.password = encodeURIComponent(password)
  return parsed.href
}

/**
 * Whether two addresses mean the same database: then a change between them is one of the login, and
 * can be made while connections are open. Another place is another store, and needs a start.
 */
export function isSameDatabase(one: string, other: string): boolean {
  const place = (url: string): string => (URL.canParse(url) ? `${new URL(url).host}${new URL(url).pathname}` : url)
  return place(one) === place(other)
}
