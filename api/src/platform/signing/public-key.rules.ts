import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto'
import type { PublicKey } from './signer.ts'

/** Length of an Ed25519 public key and of a signature, bytes. */
const keyBytes = 32
const signatureBytes = 64

/** What stands before the 32 bytes of an Ed25519 key in SubjectPublicKeyInfo (RFC 8410, section 4). */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')

/** SHA-256 of the SubjectPublicKeyInfo in DER, lower-case hex: the same for a key wherever it lies. */
export const keyIdOf = (key: KeyObject): string =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')

export const publicKeyOf = (key: KeyObject): PublicKey => ({
  keyId: keyIdOf(key),
  pem: key.export({ type: 'spki', format: 'pem' }).toString()
})

/**
 * @param raw - the 32 bytes of an Ed25519 public key (RFC 8032, section 5.1.5)
 * @throws RangeError when it is not 32 bytes long
 */
export function publicKeyFromRaw(raw: Uint8Array): KeyObject {
  if (raw.byteLength !== keyBytes)
    throw new RangeError(`an Ed25519 public key has 32 bytes, this one ${raw.byteLength}`)
  return createPublicKey({ key: Buffer.concat([spkiPrefix, raw]), format: 'der', type: 'spki' })
}

/**
 * Whether a signature was made over exactly these bytes by the holder of this key. A key that is
 * not Ed25519 and a signature of another length are a plain no.
 *
 * @param pem - SubjectPublicKeyInfo as PEM
 */
export function isSignedBy(pem: string, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (signature.byteLength !== signatureBytes) return false
  const key = createPublicKey(pem)
  return key.asymmetricKeyType === 'ed25519' && verify(null, bytes, key, signature)
}
