import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * Whether a body was signed by who has the key.
 *
 * @param header - `sha256=` and the HMAC-SHA256 of the body in hex, as GitHub's webhooks have it
 */
export const isSignedWith = (key: string, body: string | Uint8Array, header: string | undefined): boolean => {
  const given = /^sha256=([0-9a-f]{64})$/i.exec(header ?? '')?.[1]
  if (given === undefined || key === '') return false
  return timingSafeEqual(Buffer.from(given, 'hex'), createHmac('sha256', key).update(body).digest())
}
