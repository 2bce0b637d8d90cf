import { sign, type KeyObject } from 'node:crypto'
import { createServer, type AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { programPath, startProgram } from './programs.ts'

/** Why no real Vault is tried here; null when one is in PATH. */
export const realVaultMissing = (): string | null =>
  programOf() === null ? 'neither vault nor bao is in PATH; what was recorded with Vault 1.8 stands for it' : null

const programOf = (): string | null => programPath('vault') ?? programPath('bao')

export interface RealVault {
  /** OpenBao has namespaces, Vault only as Enterprise. */
  readonly hasNamespaces: boolean
  readonly program: string
  readonly address: string
  readonly rootToken: string
  readonly unsealKey: string
  close(): Promise<void>
}

/** A real one of our own, in memory, on a free port of 127.0.0.1. */
export async function startRealVault(dir: string): Promise<RealVault> {
  const program = programOf()
  if (program === null) throw new Error('ask realVaultMissing() first')
  const rootToken = 'root-of-the-tests'
  const port = await freePort()
  const args = [
    'server',
    '-dev',
    `-dev-root-token-id=${rootToken}`,
    `-dev-listen-address=127.0.0.1:${port}`,
    '-dev-no-store-token'
  ]
  const server = startProgram(program, args, { HOME: dir })
  const address = `http://127.0.0.1:${port}`
  for (let tries = 0; ; tries++) {
    const isUp = await fetch(`${address}/v1/sys/health`).then(
      ({ ok }) => ok,
      () => false
    )
    if (isUp && /Unseal Key: \S+/.test(server.output())) break
    if (tries > 200) throw new Error(`${program} did not start:\n${server.output()}`)
    await delay(50)
  }
  const unsealKey = /Unseal Key: (\S+)/.exec(server.output())?.[1] ?? ''
  return { hasNamespaces: program.endsWith('bao'), program, address, rootToken, unsealKey, close: () => server.stop() }
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

/** Calls Vault with a token; throws what it says. */
export async function callVault(
  address: string,
  token: string,
  method: string,
  path: string,
  body?: object,
  headers: Record<string, string> = {}
) {
  const response = await fetch(`${address}/v1/${path}`, {
    method,
    headers: { 'x-vault-token': token, ...headers },
    ...(body && { body: JSON.stringify(body) })
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return (text === '' ? {} : JSON.parse(text)) as {
    data?: Record<string, unknown>
    auth?: { client_token: string }
    wrap_info?: { token: string }
  }
}

/** An identity as Nomad signs it, valid for ten minutes unless the claims say otherwise. */
export const signedJwt = (claims: object, key: KeyObject): string => {
  const nowS = Math.floor(Date.now() / 1_000)
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')
  const text = `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode({ iat: nowS - 3_600, nbf: nowS - 3_600, exp: nowS + 600, ...claims })}`
  return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`
}
