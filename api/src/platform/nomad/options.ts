import { readFile } from 'node:fs/promises'
import type { Clock } from '../clock.ts'
import { codedError } from '../errors.ts'

/** A token, or where to read it for every call: Nomad renews that of a workload in its file. */
export type TokenSource = string | (() => Promise<string>)

export interface NomadOptions {
  /** `http://host:4646`, `https://…`, or `unix:///…/api.sock` (the task API inside an allocation). */
  readonly address: string
  readonly token?: TokenSource | undefined
  readonly namespace?: string | undefined
  readonly region?: string | undefined
  readonly tls?: {
    readonly caFile?: string | undefined
    readonly certificateFile?: string | undefined
    readonly keyFile?: string | undefined
    readonly serverName?: string | undefined
  }
  /** Default: the system's. */
  readonly clock?: Clock
}

export const nomadAddressWrong = codedError({
  code: 'PLIMSOLL_NOMAD_ADDRESS_WRONG',
  status: 422,
  title: 'NOMAD_ADDR is no address of Nomad',
  hint: 'for example http://127.0.0.1:4646, https://nomad.example:4646 or unix:///secrets/api.sock'
})

/**
 * Where Nomad is, from the variables its own commands read: NOMAD_ADDR, NOMAD_TOKEN (or
 * NOMAD_TOKEN_FILE), NOMAD_NAMESPACE, NOMAD_REGION, NOMAD_CACERT, NOMAD_CLIENT_CERT,
 * NOMAD_CLIENT_KEY, NOMAD_TLS_SERVER_NAME.
 *
 * @throws nomadAddressWrong when NOMAD_ADDR cannot be used
 */
export function nomadFromEnvironment(env: Readonly<Record<string, string | undefined>>): NomadOptions {
  const address = env['NOMAD_ADDR'] || 'http://127.0.0.1:4646'
  checkAddress(address)
  const tokenFile = env['NOMAD_TOKEN_FILE']
  return {
    address,
    token: env['NOMAD_TOKEN'] || (tokenFile ? async () => (await readFile(tokenFile, 'utf8')).trim() : undefined),
    namespace: env['NOMAD_NAMESPACE'],
    region: env['NOMAD_REGION'],
    tls: {
      caFile: env['NOMAD_CACERT'],
      certificateFile: env['NOMAD_CLIENT_CERT'],
      keyFile: env['NOMAD_CLIENT_KEY'],
      serverName: env['NOMAD_TLS_SERVER_NAME']
    }
  }
}

function checkAddress(address: string): void {
  if (address.startsWith('unix:///')) return
  const url = URL.parse(address)
  if (url === null || !/^https?:$/.test(url.protocol)) throw nomadAddressWrong(`${address} is no address of Nomad`)
  if (url.username || url.password) {
    throw nomadAddressWrong('NOMAD_ADDR must not hold a password: it would be seen in messages', {
      hint: 'put the token into NOMAD_TOKEN'
    })
  }
}
