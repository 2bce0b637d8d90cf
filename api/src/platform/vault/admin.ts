import { Type } from 'typebox'
import { systemClock } from '../clock.ts'
import { isCodedError } from '../errors.ts'
import { vaultDeleted, vaultNotFound } from './errors.ts'
import { encoded, openRequester, type ClientOptions } from './requester.ts'

export interface VaultAdminOptions extends Omit<ClientOptions, 'clock'> {
  /** Of somebody who may set up Vault. */
  readonly token: string
}

/** What setting up Vault needs: to see what is at a path, and to write there. */
export interface VaultAdmin {
  /** The `data` at a path; null when nothing is there. */
  read(path: string): Promise<Readonly<Record<string, unknown>> | null>
  write(path: string, body: object, method?: 'POST' | 'PUT'): Promise<void>
  close(): Promise<void>
}

const Data = Type.Object({ data: Type.Record(Type.String(), Type.Unknown()) })

export function openVaultAdmin({ token, ...options }: VaultAdminOptions): VaultAdmin {
  const { call, close } = openRequester({ ...options, clock: systemClock })
  return {
    async read(path) {
      try {
        const found = await call(Data, {
          kind: 'use',
          doing: `reading ${path}`,
          method: 'GET',
          path: encoded(path),
          token
        })
        return found.data
      } catch (error) {
        if (isCodedError(error) && nothingThere.has(error.code)) return null
        throw error
      }
    },
    async write(path, json, method = 'POST') {
      await call(Type.Unknown(), {
        kind: 'use',
        doing: `writing ${path}`,
        method,
        path: encoded(path),
        token,
        json,
        secrets: secretsIn(json)
      })
    },
    close
  }
}

const nothingThere: ReadonlySet<string> = new Set([vaultNotFound.spec.code, vaultDeleted.spec.code])

/** Values that an answer may quote and that are not passed on: passwords, and what is put into a secret. */
const secretsIn = (json: object): string[] => {
  const { password, data } = json as { password?: unknown; data?: unknown }
  const values = typeof data === 'object' && data !== null ? Object.values(data) : []
  return [password, ...values].filter((value) => typeof value === 'string')
}
