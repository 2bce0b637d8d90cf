import { createClient } from '@plimsoll/api/contract/client.ts'

/** The plan's ETag when it was last read: an edit says with it what it was made on. */
let planEtag: string | null = null
let token: string | null = null
let csrfToken: string | null = null

/** A token for writing, kept only as long as this page is open. */
export const setToken = (given: string | null): void => {
  token = given
}

/** What shows that a write comes from this page, for whoever is signed in; null for all others. */
export const setCsrfToken = (given: string | null): void => {
  csrfToken = given
}

/** ETag of the plan this page read last; null before it read one. */
export const etagOfPlan = (): string | null => planEtag

const send: typeof fetch = async (input, init) => {
  const headers = new Headers(init?.headers)
  if (token) headers.set('authorization', `Bearer ${token}`)
  if (csrfToken && init?.method !== 'GET') headers.set('x-plimsoll-csrf', csrfToken)
  const response = await fetch(input, { ...init, headers })
  if (response.ok && input === '/api/v1/plan') planEtag = response.headers.get('etag')
  return response
}

/** Calls any route of the contract on the server this page came from. */
export const call = createClient({ baseUrl: '', fetch: send })
