import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'
import { closeSync, fstatSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isCodedError, messageOf } from '../errors.ts'
import { signingKeyUnusable } from './errors.ts'
import { publicKeyOf } from './public-key.rules.ts'
import type { Signer } from './signer.ts'

/**
 * Signs with a key of this data directory, made at the first start and never replaced by itself.
 * Whoever can read the file can sign: it is refused when others may.
 *
 * @param dataDir - DATA_DIR; the key is `signing.key` in it, PKCS #8 as PEM, mode 0600
 * @throws PLIMSOLL_SIGNING_KEY_UNUSABLE
 */
export function openLocalSigner(dataDir: string): Signer {
  const path = join(dataDir, 'signing.key')
  let key: KeyObject
  try {
    key = readKey(path) ?? makeKey(path)
  } catch (error) {
    if (isCodedError(error)) throw error
    // the text of a parser may quote what it read: only the file system's is told
    const ofFileSystem = (error as NodeJS.ErrnoException).syscall !== undefined
    throw signingKeyUnusable(`${path}: ${ofFileSystem ? messageOf(error) : 'it holds no private key'}`, {
      hint: 'restore it from a copy; without one, move it away: a new key is made, and what the old one signed is still checked with the old public key'
    })
  }
  const known = publicKeyOf(createPublicKey(key))
  return {
    keyId: known.keyId,
    sign: async (bytes) => sign(null, bytes, key),
    publicKeyPem: async () => known.pem,
    publicKeys: async () => [known]
  }
}

const readKey = (path: string): KeyObject | null => {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
  try {
    if ((fstatSync(file).mode & 0o077) !== 0) {
      throw signingKeyUnusable(`${path} can be read by others than its owner`, {
        hint: `chmod 600 ${path}; when somebody may have read it, move it away and a new key is made`
      })
    }
    const key = createPrivateKey(readFileSync(file, 'utf8'))
    if (key.asymmetricKeyType === 'ed25519') return key
    throw signingKeyUnusable(`${path} holds a key of type ${key.asymmetricKeyType}`, {
      hint: 'an Ed25519 key is needed'
    })
  } finally {
    closeSync(file)
  }
}

/** Two processes that start at once end up with one key: a link is made once, whole. */
const makeKey = (path: string): KeyObject => {
  const { privateKey } = generateKeyPairSync('ed25519')
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  writeFileSync(draft, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx', flush: true })
  try {
    linkSync(draft, path)
    return privateKey
  } catch (error) {
    const theirs = (error as NodeJS.ErrnoException).code === 'EEXIST' ? readKey(path) : null
    if (theirs) return theirs
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
}
