import type { Me } from '@plimsoll/api/contract'
import { call, setCsrfToken } from '#lib/api/client.ts'
import { Resource } from '#lib/api/resource.svelte.ts'

/** Who looks at this page, as the server knows him; null until it was asked. */
export const session = new Resource<Me>()

/** Asks the server who this is, and keeps what writes of a signed-in person have to carry. */
export const readMe = async (signal: AbortSignal): Promise<Me> => {
  const me = await call('GET /api/v1/me', { signal })
  setCsrfToken(me.csrfToken)
  return me
}
