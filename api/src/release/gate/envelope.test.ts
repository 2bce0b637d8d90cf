import { generateKeyPairSync, sign } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import type { Verdict } from '../../contract/gate.ts'
import { isSignedBy, publicKeyOf } from '../../platform/signing/public-key.rules.ts'
import { canonicalJson, sha256Of } from './canonical-json.rules.ts'
import { envelopeOf, openEnvelope, payloadOf, payloadType, preAuthentication, statementOf } from './envelope.rules.ts'

const verdict: Verdict = {
  id: 'v-1',
  service: 'shop',
  version: '2.0',
  environment: 'production',
  dryRun: false,
  at: '2026-11-23T12:00:00.000Z',
  state: 'pass',
  mayShip: true,
  text: 'shop 2.0 may ship to production',
  rules: [],
  askedBy: 'ci',
  policySha256: 'p',
  evidenceSha256: 'e',
  keyId: 'k'
}

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const key = publicKeyOf(publicKey)
const check = (keyId: string, bytes: Uint8Array, signature: Uint8Array) =>
  keyId === key.keyId ? isSignedBy(key.pem, bytes, signature) : null
const signed = (given: Verdict) => {
  const payload = payloadOf(given)
  return envelopeOf(payload, key.keyId, sign(null, preAuthentication(payloadType, payload), privateKey))
}

t.test('canonical JSON has one spelling, whatever the order of keys', async (t) => {
  t.equal(
    canonicalJson({ b: [1, { d: null, c: 'é' }], a: 1e21, u: undefined }),
    '{"a":1e+21,"b":[1,{"c":"é","d":null}]}'
  )
  t.equal(canonicalJson({ '\u20ac': 1, '\r': 2, '1': 3 }), '{"\\r":2,"1":3,"€":1}')
  t.equal(sha256Of({}), '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a')
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = canonicalJson(value)
      t.same(JSON.parse(text), JSON.parse(JSON.stringify(value)))
      return canonicalJson(JSON.parse(text)) === text
    }),
    { numRuns: 100 }
  )
})

t.test('what is signed is the payload with its type, each with its length', async (t) => {
  t.equal(
    Buffer.from(preAuthentication('http://example.com/HelloWorld', Buffer.from('hello world'))).toString(),
    'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
  )
})

t.test('a statement names the image, the commit, or the hash of the name', async (t) => {
  const digestOf = (version: string) => statementOf({ ...verdict, version }).subject[0]?.digest
  const hex = 'ab'.repeat(32)
  t.same(digestOf(`registry.example/shop@sha256:${hex}`), { sha256: hex })
  t.same(digestOf('c'.repeat(40)), { gitCommit: 'c'.repeat(40) })
  t.match(digestOf('2.0'), { sha256: /^[0-9a-f]{64}$/ })
})

t.test('an envelope opens to the verdict that was signed', async (t) => {
  const opened = openEnvelope(JSON.parse(JSON.stringify(signed(verdict))), check)
  t.match(opened, { ok: true, keyId: key.keyId, statement: { predicate: verdict } })
})

const forged: { name: string; envelope: unknown; why: RegExp }[] = [
  { name: 'no envelope', envelope: { verdict }, why: /no DSSE envelope/ },
  { name: 'nothing', envelope: null, why: /no DSSE envelope/ },
  { name: 'another type', envelope: { ...signed(verdict), payloadType: 'text/plain' }, why: /text\/plain/ },
  {
    name: 'another verdict under the same signature',
    envelope: {
      ...signed(verdict),
      payload: Buffer.from(payloadOf({ ...verdict, version: '3.0' })).toString('base64')
    },
    why: /does not fit/
  },
  { name: 'no signature', envelope: { ...signed(verdict), signatures: [] }, why: /another key \(none\)/ },
  {
    name: 'a signature of somebody else',
    envelope: { ...signed(verdict), signatures: [{ keyid: 'other', sig: 'AAAA' }] },
    why: /another key \(other\)/
  }
]
for (const { name, envelope, why } of forged) {
  t.test(`an envelope is refused: ${name}`, async (t) => {
    t.match(openEnvelope(envelope, check), { ok: false, why })
  })
}

t.test('a signed statement that is no verdict is none', async (t) => {
  const payload = Buffer.from('{"_type":"https://in-toto.io/Statement/v1","predicateType":"other","subject":[]}')
  const signature = sign(null, preAuthentication(payloadType, payload), privateKey)
  t.match(openEnvelope(envelopeOf(payload, key.keyId, signature), check), { ok: false, why: /is no verdict/ })
})
