import { createHash } from 'node:crypto'

/** What every token made here begins with: scanners of leaked secrets know it by that. */
export const tokenPrefix = 'plm_'

/** Characters that are shown of a token, to recognise one that was found; 36 of its 256 bits. */
const shownLength = tokenPrefix.length + 6

/**
 * The text of a token.
 *
 * @param bytes - 32 random ones
 */
export const tokenOf = (bytes: Uint8Array): string => tokenPrefix + Buffer.from(bytes).toString('base64url')

export const isToken = (text: string): boolean => /^plm_[\w-]{43}$/.test(text)

export const startOf = (token: string): string => token.slice(0, shownLength)

/** SHA-256, hex. A random secret of 256 bits needs no slow hash: there is nothing to guess. */
export const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex')
