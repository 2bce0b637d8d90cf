import type { Life } from './renewal.rules.ts'

/** A token and what it may be used for how long. */
export interface Grant extends Life {
  readonly token: string
}

/** One version of a secret of the KV engine, version 2. */
export interface SecretVersion {
  readonly version: number
  /** Unix time, ms, by Vault's clock. */
  readonly createdMs: number
  readonly data: Readonly<Record<string, unknown>>
}

/** A user of a database that Vault has made for us and removes when the lease ends. */
export interface DatabaseUser extends Life {
  readonly leaseId: string
  readonly username: string
  readonly password: string
}

/** The public keys of a transit key by version, 32 bytes each. */
export interface TransitKey {
  readonly latestVersion: number
  readonly publicKeys: ReadonlyMap<number, Uint8Array>
}

export interface Engine {
  readonly mount: string
  readonly name: string
}

/**
 * All that Plimsoll asks of Vault or OpenBao: the one port. Whatever goes wrong is one of the coded
 * errors of `errors.ts`, and neither message nor properties hold a secret.
 */
export interface VaultClient {
  /** For messages. */
  readonly address: string
  loginWithJwt(login: { mount: string; role: string; jwt: string }): Promise<Grant>
  loginWithAppRole(login: { mount: string; roleId: string; secretId: string }): Promise<Grant>
  /** What a response-wrapping token wraps: works once. */
  unwrapSecretId(wrappingToken: string): Promise<string>
  /** How long a token lives still. */
  lookUp(token: string): Promise<Grant>
  renewToken(token: string): Promise<Life>
  revokeToken(token: string): Promise<void>
  /** @param version - null: the newest */
  readSecret(token: string, secret: Engine, version: number | null): Promise<SecretVersion>
  makeDatabaseUser(token: string, role: Engine): Promise<DatabaseUser>
  renewLease(token: string, leaseId: string): Promise<Life>
  readTransitKey(token: string, key: Engine): Promise<TransitKey>
  /** @returns the signature, 64 bytes */
  sign(token: string, key: Engine, version: number, bytes: Uint8Array): Promise<Uint8Array>
  close(): Promise<void>
}
