import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openLocalSigner } from './local-signer.ts'
import { isSignedBy, keyIdOf, publicKeyFromRaw, publicKeyOf } from './public-key.rules.ts'

const bytes = Buffer.from('{"verdict":"pass"}')

/** RFC 8032, section 7.1, test 2: the byte 0x72. */
const vector = {
  raw: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
  message: '72',
  signature:
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00'
}

t.test('the key of RFC 8032 signs what the RFC says and nothing else', async (t) => {
  const { pem } = publicKeyOf(publicKeyFromRaw(Buffer.from(vector.raw, 'hex')))
  const signature = Buffer.from(vector.signature, 'hex')
  t.ok(isSignedBy(pem, Buffer.from(vector.message, 'hex'), signature))
  t.notOk(isSignedBy(pem, Buffer.from('73', 'hex'), signature))
  t.notOk(isSignedBy(pem, Buffer.from(vector.message, 'hex'), signature.subarray(1)))
})

t.test('a key of another length or kind is not taken for one', async (t) => {
  t.throws(() => publicKeyFromRaw(new Uint8Array(31)), RangeError)
  const { pem } = publicKeyOf(generateKeyPairSync('rsa', { modulusLength: 2_048 }).publicKey)
  t.notOk(isSignedBy(pem, bytes, new Uint8Array(64)))
})

t.test('a key is made once, for its owner alone, and signs the same way after a restart', async (t) => {
  const dir = join(t.testdir(), 'data')
  const first = openLocalSigner(dir)
  const signature = await first.sign(bytes)
  t.ok(isSignedBy(await first.publicKeyPem(), bytes, signature))
  t.equal(statSync(join(dir, 'signing.key')).mode & 0o777, 0o600)
  t.same(readdirSync(dir), ['signing.key'], 'nothing else is left')

  const second = openLocalSigner(dir)
  t.equal(second.keyId, first.keyId)
  t.match(second.keyId, /^[0-9a-f]{64}$/)
  t.equal(keyIdOf(createPublicKey(readFileSync(join(dir, 'signing.key')))), first.keyId)
  t.same(await second.publicKeys(), [{ keyId: first.keyId, pem: await first.publicKeyPem() }])
})

t.test('a key that others can read, and a file that is no key, are refused without being shown', async (t) => {
  const dir = t.testdir()
  const path = join(dir, 'signing.key')
  openLocalSigner(dir)
  const text = readFileSync(path, 'utf8')
  chmodSync(path, 0o644)
  t.throws(() => openLocalSigner(dir), { code: 'PLIMSOLL_SIGNING_KEY_UNUSABLE', hint: /chmod 600/ })

  chmodSync(path, 0o600)
  writeFileSync(path, text.slice(30))
  try {
    openLocalSigner(dir)
    t.fail('half a key was taken')
  } catch (error) {
    t.match(error, { code: 'PLIMSOLL_SIGNING_KEY_UNUSABLE', message: /holds no private key/ })
    t.notMatch(JSON.stringify(error) + String(error), text.slice(40, 60))
  }
  t.ok(existsSync(path), 'it is left as it is')

  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' })
  writeFileSync(path, ec)
  t.throws(() => openLocalSigner(dir), { code: 'PLIMSOLL_SIGNING_KEY_UNUSABLE', hint: /Ed25519/ })
})
