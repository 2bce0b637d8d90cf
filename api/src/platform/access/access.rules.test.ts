import t from 'tap'
import type { Access } from '../../contract/index.ts'
import { anyone, local, localReader, type Caller } from './caller.ts'
import { refusalOf, type Refusal, type Target } from './decide.rules.ts'
import { isLoopbackAddress, isLoopbackHost, obstaclesOf, type Origin } from './loopback.rules.ts'
import { parseRoleMap, roleOf } from './role-map.rules.ts'
import { overlapMs, rotateEveryMs, stateOf, type SessionTimes } from './session.rules.ts'
import { hashOf, isToken, startOf, tokenOf } from './token.rules.ts'

const here: Origin = { remoteAddress: '127.0.0.1', forwardedFor: null, host: 'localhost:3000', origin: undefined }
const stranger = { remoteAddress: '203.0.113.7', host: 'plimsoll.example' }

const origins: { name: string; from?: Partial<Origin>; expected: 'writes' | 'reads' | 'nothing' }[] = [
  { name: 'a caller on this machine reads and writes', expected: 'writes' },
  { name: 'over IPv6 too', from: { remoteAddress: '::1', host: '[::1]:3000' }, expected: 'writes' },
  { name: 'over IPv4 in IPv6 too', from: { remoteAddress: '::ffff:127.0.0.1' }, expected: 'writes' },
  { name: 'a stranger does neither', from: stranger, expected: 'nothing' },
  { name: 'a stranger who says localhost is one', from: { ...stranger, host: 'localhost' }, expected: 'nothing' },
  { name: 'a foreign name for this machine (DNS rebinding)', from: { host: 'evil.example:3000' }, expected: 'nothing' },
  { name: 'a request without a Host', from: { host: undefined }, expected: 'nothing' },
  { name: 'a foreign page', from: { origin: 'https://evil.example' }, expected: 'nothing' },
  { name: 'a sandboxed page', from: { origin: 'null' }, expected: 'nothing' },
  { name: 'our own page', from: { origin: 'http://localhost:3000' }, expected: 'writes' },
  { name: 'the development server', from: { origin: 'http://127.0.0.1:5173' }, expected: 'writes' },
  { name: 'a proxy here that serves this machine', from: { forwardedFor: ['127.0.0.1'] }, expected: 'reads' },
  { name: 'a proxy here that serves others', from: { forwardedFor: ['203.0.113.7'] }, expected: 'nothing' },
  { name: 'one stranger in the chain', from: { forwardedFor: ['127.0.0.1', '203.0.113.7'] }, expected: 'nothing' },
  { name: 'a proxy that does not say for whom', from: { forwardedFor: ['unknown'] }, expected: 'nothing' },
  { name: 'a connection that is gone', from: { remoteAddress: undefined }, expected: 'nothing' }
]

for (const { name, from, expected } of origins) {
  t.test(`${name}: ${expected}`, async (t) => {
    const { reading, writing, foreignPage } = obstaclesOf({ ...here, ...from })
    t.equal(reading === null ? (writing === null ? 'writes' : 'reads') : 'nothing', expected)
    t.equal(foreignPage, from?.origin !== undefined && expected === 'nothing')
  })
}

t.test('names of this machine, and names that only look so', async (t) => {
  for (const host of [
    'localhost',
    'LOCALHOST:80',
    'plimsoll.localhost:3000',
    '127.0.0.1',
    '127.8.9.1:65535',
    '[::1]'
  ]) {
    t.equal(isLoopbackHost(host), true, host)
  }
  const foreign = ['localhost.evil.example', 'notlocalhost', '127.0.0.1.evil.example', '0.0.0.0', '[::2]', '']
  for (const host of [...foreign, 'localhost:', 'a b.localhost']) t.equal(isLoopbackHost(host), false, host)
  for (const address of ['127.0.0.1', ' 127.0.0.2', '::1', '::ffff:127.0.0.1'])
    t.ok(isLoopbackAddress(address), address)
  for (const address of ['1127.0.0.1', '::ffff:10.0.0.1', '10.127.0.0.1', ''])
    t.notOk(isLoopbackAddress(address), address)
})

const aDeployer: Caller = { kind: 'token', id: 'token:tok_1', name: 'ci', role: 'deployer', services: null }
const ofShop: Caller = { ...aDeployer, services: ['shop'] }
const target = (access: Access, more: Partial<Target> = {}): Target => ({
  access,
  service: null,
  services: undefined,
  ...more
})

const decisions: { name: string; caller: Caller; target: Target; expected: Refusal | null }[] = [
  { name: 'anybody does what is public', caller: anyone, target: target('public'), expected: null },
  {
    name: 'nobody reads without being known',
    caller: anyone,
    target: target('viewer'),
    expected: { kind: 'unauthenticated' }
  },
  { name: 'this machine does everything', caller: local, target: target('admin'), expected: null },
  { name: 'through a proxy it reads', caller: localReader, target: target('viewer'), expected: null },
  {
    name: 'and is asked who it is to write',
    caller: localReader,
    target: target('deployer'),
    expected: { kind: 'unauthenticated' }
  },
  { name: 'a role does what lower ones may', caller: aDeployer, target: target('viewer'), expected: null },
  { name: 'a role does its own', caller: aDeployer, target: target('deployer'), expected: null },
  { name: 'but no more', caller: aDeployer, target: target('operator'), expected: { kind: 'role', needs: 'operator' } },
  {
    name: 'held to a service: that one',
    caller: ofShop,
    target: target('deployer', { service: 'shop' }),
    expected: null
  },
  {
    name: 'no other',
    caller: ofShop,
    target: target('viewer', { service: 'cart' }),
    expected: { kind: 'service', service: 'cart' }
  },
  {
    name: 'no name of every object',
    caller: ofShop,
    target: target('viewer', { service: '__proto__' }),
    expected: { kind: 'service', service: '__proto__' }
  },
  { name: 'overviews', caller: ofShop, target: target('viewer'), expected: null },
  {
    name: 'nothing that is about all',
    caller: ofShop,
    target: target('deployer'),
    expected: { kind: 'service', service: null }
  },
  { name: 'what is about none', caller: ofShop, target: target('deployer', { services: 'any' }), expected: null },
  {
    name: 'what the handler judges',
    caller: ofShop,
    target: target('deployer', { services: 'handler' }),
    expected: null
  }
]

for (const { name, caller, target, expected } of decisions) {
  t.test(name, async (t) => t.same(refusalOf(caller, target), expected))
}

t.test('a token is 256 random bits behind a prefix, and what is shown of it says little', async (t) => {
  const token = tokenOf(new Uint8Array(32).fill(255))
  t.equal(token, `plm_${'_'.repeat(42)}8`)
  t.ok(isToken(token))
  for (const other of ['plm_', token.slice(1), `${token}x`, 'plm_' + ' '.repeat(43)]) t.notOk(isToken(other), other)
  t.equal(startOf(token), 'plm_______')
  t.equal(hashOf('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', 'FIPS 180-2, B.1')
})

t.test('the first rule all of whose claims hold gives the role', async (t) => {
  const { rules, fault } = parseRoleMap(
    'admin: groups=sre; operator/shop+cart: realm_access.roles=ops & region=eu ; deployer: nomad_job_id=ship; viewer: email_verified=true'
  )
  t.equal(fault, undefined)
  const role = (claims: Record<string, unknown>) => roleOf(rules!, claims)
  t.same(role({ groups: ['x', 'sre'] }), { role: 'admin', services: null })
  t.same(role({ groups: 'sre', nomad_job_id: 'ship' }), { role: 'admin', services: null }, 'the first decides')
  const ops = { realm_access: { roles: ['ops'] } }
  t.same(role({ ...ops, region: 'eu' }), { role: 'operator', services: ['shop', 'cart'] })
  t.equal(role({ ...ops, region: 'us' }), null, 'all claims of a rule')
  t.same(role({ 'realm_access.roles': 'ops', region: 'eu' })?.role, 'operator', 'a claim of just that name')
  t.same(role({ email_verified: true })?.role, 'viewer')
  for (const claims of [{}, { groups: ['sre2'] }, { groups: [['sre']] }, { groups: { sre: true } }, { groups: null }]) {
    t.equal(role(claims), null, JSON.stringify(claims))
  }
  t.equal(roleOf(parseRoleMap('viewer: constructor.name=Object').rules!, {}), null, 'what every object has is no claim')
  t.same(roleOf(parseRoleMap('viewer: *').rules!, {})?.role, 'viewer')
  for (const bad of [
    'root: *',
    'admin',
    'admin groups=x',
    'admin: groups',
    'admin: =x',
    'admin: a=b &',
    'admin/Shop: *'
  ]) {
    t.type(parseRoleMap(bad).fault, 'string', bad)
  }
})

const times: SessionTimes = { rotatedMs: 0, confirmedMs: 0, usedMs: 0, expiresMs: 43_200_000 }
const idleMs = 3_600_000

t.test('a session ends by its age, by silence, and when a copy of an old secret appears', async (t) => {
  const at = (nowMs: number, shown: 'newest' | 'previous', of: Partial<SessionTimes> = {}) =>
    stateOf({ ...times, ...of }, shown, { nowMs, idleMs })
  t.same(at(1_000, 'newest'), { kind: 'valid', rotate: false, confirm: false, note: false })
  t.match(at(60_000, 'newest'), { note: true })
  t.match(at(rotateEveryMs, 'newest'), { kind: 'valid', rotate: true })
  t.same(at(43_200_000, 'newest', { usedMs: 43_199_000 }), { kind: 'ended', why: 'expired' })
  t.same(at(idleMs, 'newest'), { kind: 'ended', why: 'idle' })
  t.match(at(idleMs - 1, 'newest'), { kind: 'valid' })
  t.match(at(overlapMs - 1, 'previous'), { kind: 'valid', rotate: false }, 'requests that were under way')
  t.same(at(overlapMs, 'previous'), { kind: 'ended', why: 'reused' })
  t.match(at(1_000, 'newest', { confirmedMs: null }), { kind: 'valid', confirm: true })
  t.match(at(overlapMs, 'previous', { confirmedMs: null }), { kind: 'valid', rotate: true }, 'the reply was lost')
})
