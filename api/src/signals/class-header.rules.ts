import { createHmac, timingSafeEqual } from 'node:crypto'
import { trafficClasses, type TrafficClass } from './slice.ts'

/**
 * The request header by which load tests and probes say that they are not users:
 * `X-Plimsoll-Class: <class>.<expires>.<signature>`. Without a signature anybody could take their
 * failures out of the count by a header.
 */
export const classHeader = 'x-plimsoll-class'

/** A claim whose signature is right. */
export interface ClassClaim {
  readonly trafficClass: TrafficClass
  /** Unix time in seconds, the last one in which it holds. */
  readonly expiresS: number
}

/**
 * The header value that claims a class.
 *
 * @param expiresS - Unix time in seconds, integer
 * @param key - the secret both sides know (setting CLASS_KEY)
 */
export const signClassClaim = ({ trafficClass, expiresS }: ClassClaim, key: string | Uint8Array): string =>
  `${trafficClass}.${expiresS}.${signatureOf(trafficClass, expiresS, key).toString('base64url')}`

/**
 * Reads a header value. Whether the claim still holds depends on when the request was made: see
 * {@link classAt}.
 *
 * @param keys - secrets in force: two while one replaces the other
 * @returns null when it is no claim, or none of the keys has signed it
 */
export function readClassClaim(header: string, keys: readonly (string | Uint8Array)[]): ClassClaim | null {
  const parts = /^([a-z]+)\.(\d{1,12})\.([A-Za-z0-9_-]{43})$/.exec(header)
  const trafficClass = trafficClasses.find((name) => name === parts?.[1])
  if (!parts || !trafficClass) return null
  const expiresS = Number(parts[2])
  const given = Buffer.from(parts[3]!, 'base64url')
  const signed = keys.some((key) => timingSafeEqual(given, signatureOf(trafficClass, parts[2]!, key)))
  return signed ? { trafficClass, expiresS } : null
}

/**
 * Whose traffic a request was: the claimed class while the claim holds, else `user`.
 *
 * @param atMs - when the request was made, Unix time in milliseconds: a log read late gives the same answer
 */
export const classAt = (claim: ClassClaim | null, atMs: number): TrafficClass =>
  claim !== null && atMs < (claim.expiresS + 1) * 1_000 ? claim.trafficClass : 'user'

const signatureOf = (trafficClass: TrafficClass, expiresS: number | string, key: string | Uint8Array): Buffer =>
  createHmac('sha256', key).update(`plimsoll-class:${trafficClass}:${expiresS}`).digest()
