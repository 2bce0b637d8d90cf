/**
 * What signs Plimsoll's statements, so that whoever holds the public key can check one offline:
 * Ed25519 (RFC 8032), with a key of this machine or one that never leaves Vault.
 */
export interface Signer {
  /** Names the key that signs now: see `keyIdOf`. Changes when the key is rotated. */
  readonly keyId: string
  /**
   * @returns the signature, 64 bytes
   * @throws PLIMSOLL_SIGNING_UNAVAILABLE when the key cannot be used now; trying again later is right
   */
  sign(bytes: Uint8Array): Promise<Uint8Array>
  /** The key that checks what `sign` makes now: SubjectPublicKeyInfo as PEM. */
  publicKeyPem(): Promise<string>
  /** Every key this signer has signed with, as far as it is still kept; the present one is last. */
  publicKeys(): Promise<readonly PublicKey[]>
}

export interface PublicKey {
  readonly keyId: string
  /** SubjectPublicKeyInfo as PEM. */
  readonly pem: string
}
