import { createClient } from '@plimsoll/api/contract/client.ts'

/** ETags of the last replies by address: an edit says with them what it was made on. */
const etags = new Map<string, string>()
let token: string | null = null

/** A token for writing, kept only as long as this page is open. */
export const setToken = (given: string | null): void => {
  token = given
}

export const etagOf = (path: string): string | undefined => etags.get(path)

const send: typeof fetch = async (input, init) => {
  const headers = new Headers(init?.headers)
  if (token) headers.set('authorization', `Bearer ${token}`)
  const response = await fetch(input, { ...init, headers })
  const etag = response.headers.get('etag')
  if (response.ok && etag && typeof input === 'string') etags.set(input, etag)
  return response
}

/** Calls any route of the contract on the server this page came from. */
export const call = createClient({ baseUrl: '', fetch: send })
