import t from 'tap'
import { decideAccess, isLoopbackAddress, isLoopbackHost, type AccessRules, type Caller } from './access.rules.ts'
import type { Access } from '../../contract/index.ts'

const aCaller: Caller = {
  remoteAddress: '127.0.0.1',
  forwardedFor: null,
  host: 'localhost:3000',
  origin: undefined,
  tokenMatches: null
}
const open: AccessRules = { loopbackOpen: true, hasToken: false }
const withToken: AccessRules = { loopbackOpen: true, hasToken: true }
const tokenOnly: AccessRules = { loopbackOpen: false, hasToken: true }

const stranger = { remoteAddress: '203.0.113.7', host: 'plimsoll.example' }

const cases: { name: string; access?: Access; caller?: Partial<Caller>; rules?: AccessRules; expected: string }[] = [
  { name: 'anybody sees what is public', access: 'public', caller: stranger, expected: 'anyone' },
  { name: 'a caller on this machine reads', expected: 'local' },
  { name: 'a caller on this machine writes', access: 'admin', expected: 'local' },
  {
    name: 'over IPv6 too',
    access: 'operator',
    caller: { remoteAddress: '::1', host: '[::1]:3000' },
    expected: 'local'
  },
  { name: 'over IPv4 in IPv6 too', caller: { remoteAddress: '::ffff:127.0.0.1' }, expected: 'local' },
  { name: 'a stranger does not read', caller: stranger, expected: 'denied' },
  {
    name: 'a stranger is asked for a token when there is one',
    caller: stranger,
    rules: withToken,
    expected: 'unauthenticated'
  },
  {
    name: 'a stranger who says localhost is still a stranger',
    caller: { ...stranger, host: 'localhost' },
    expected: 'denied'
  },
  {
    name: 'a token opens everything',
    access: 'admin',
    caller: { ...stranger, tokenMatches: true },
    rules: tokenOnly,
    expected: 'token'
  },
  {
    name: 'a wrong token opens nothing, not even from this machine',
    caller: { tokenMatches: false },
    rules: withToken,
    expected: 'unauthenticated'
  },
  {
    name: 'a foreign name for this machine does not read (DNS rebinding)',
    caller: { host: 'evil.example:3000' },
    expected: 'denied'
  },
  { name: 'a request without a Host does not read', caller: { host: undefined }, expected: 'denied' },
  {
    name: 'a foreign page does not write',
    access: 'deployer',
    caller: { origin: 'https://evil.example' },
    expected: 'denied'
  },
  { name: 'a sandboxed page does not write', access: 'deployer', caller: { origin: 'null' }, expected: 'denied' },
  { name: 'our own page writes', access: 'operator', caller: { origin: 'http://localhost:3000' }, expected: 'local' },
  {
    name: 'a page of another port of this machine writes (the development server)',
    access: 'operator',
    caller: { origin: 'http://127.0.0.1:5173' },
    expected: 'local'
  },
  {
    name: 'a proxy on this machine serving this machine reads',
    caller: { forwardedFor: ['127.0.0.1'] },
    expected: 'local'
  },
  { name: 'but does not write', access: 'deployer', caller: { forwardedFor: ['127.0.0.1'] }, expected: 'denied' },
  {
    name: 'a proxy on this machine serving others does not read',
    caller: { forwardedFor: ['203.0.113.7'] },
    expected: 'denied'
  },
  {
    name: 'one stranger in the chain is enough',
    caller: { forwardedFor: ['127.0.0.1', '203.0.113.7'] },
    expected: 'denied'
  },
  {
    name: 'a proxy that does not say for whom does not read',
    caller: { forwardedFor: ['unknown'] },
    expected: 'denied'
  },
  { name: 'without LOOPBACK_OPEN this machine needs the token', rules: tokenOnly, expected: 'unauthenticated' },
  { name: 'a connection that is gone is refused', caller: { remoteAddress: undefined }, expected: 'denied' }
]

for (const { name, access = 'viewer', caller, rules = open, expected } of cases) {
  t.test(name, async (t) => {
    const decision = decideAccess(access, { ...aCaller, ...caller }, rules)
    t.equal(decision.allowed ? decision.as : decision.refusal, expected)
    if (!decision.allowed) t.match(decision, { detail: /./, hint: /API_TOKEN/ })
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
  for (const host of [
    'localhost.evil.example',
    'notlocalhost',
    '127.0.0.1.evil.example',
    '0.0.0.0',
    '[::2]',
    '',
    'localhost:',
    'a b.localhost'
  ]) {
    t.equal(isLoopbackHost(host), false, host)
  }
  for (const address of ['127.0.0.1', ' 127.0.0.2', '::1', '::ffff:127.0.0.1'])
    t.equal(isLoopbackAddress(address), true, address)
  for (const address of ['1127.0.0.1', '::ffff:10.0.0.1', '10.127.0.0.1', ''])
    t.equal(isLoopbackAddress(address), false, address)
})
