import t from 'tap'
import { isAllowed, licenceText, refusedLicences } from './licences.rules.ts'
import { leaksIn } from './secrets.rules.ts'

t.test('licences are taken by their SPDX expression', async (t) => {
  for (const good of ['MIT', '(MIT OR GPL-3.0-only)', 'Apache-2.0 AND BSD-3-Clause', '(MIT AND Zlib)']) {
    t.ok(isAllowed(good), good)
  }
  for (const bad of ['GPL-3.0-only', 'MIT AND GPL-3.0-only', 'SEE LICENSE IN LICENSE', 'UNLICENSED', '', 'AGPL-3.0']) {
    t.notOk(isAllowed(bad), bad)
  }
})

t.test('a package without a licence in the lock is looked up, and ours are not asked', async (t) => {
  const packages = {
    '': { license: 'Apache-2.0' },
    api: {},
    'node_modules/@plimsoll/api': { link: true },
    'node_modules/good': { license: 'ISC' },
    'node_modules/silent': {},
    'node_modules/nobody': {},
    'node_modules/bad': { license: 'AGPL-3.0' }
  }
  const refused = refusedLicences(packages, (path) => (path === 'node_modules/silent' ? 'MIT' : null))
  t.same(refused, [
    { path: 'node_modules/nobody', licence: 'none named' },
    { path: 'node_modules/bad', licence: 'AGPL-3.0' }
  ])
  t.equal(licenceText([{ type: 'MIT' }, { type: 'GPL-2.0' }]), 'MIT OR GPL-2.0', 'as it was written once')
  t.equal(licenceText({ type: 'BSD-3-Clause' }), 'BSD-3-Clause')
  t.equal(licenceText(undefined), null)
})

t.test('secrets are found by their looks, with their line, and what only looks so is not', async (t) => {
  // put together here: written out, they would be found in this file
  const secrets = {
    'a private key': ['-----BEGIN', `PRIVATE KEY-----\n${'A'.repeat(40)}`].join(' '),
    'a token of Plimsoll': `plm_${'a'.repeat(43)}`,
    'a token of Vault': `hvs.${'a'.repeat(24)}`,
    'a key of Amazon': `AKIA${'A'.repeat(16)}`,
    'a token of GitHub': `ghp_${'a'.repeat(36)}`,
    'a signed JWT': `eyJ${'a'.repeat(20)}.eyJ${'a'.repeat(20)}.${'a'.repeat(43)}`,
    'a password in a URL': 'postgres://plimsoll:hunter2hunter2@db/x'
  }
  for (const [kind, secret] of Object.entries(secrets)) {
    t.same(leaksIn(`one\ntwo ${secret}`), [{ kind, line: 2 }], kind)
  }
  t.same(leaksIn(secrets['a token of Vault'], true), [], 'tests make such up')
  t.equal(leaksIn(secrets['a key of Amazon'], true).length, 1, 'but not these')
  for (const harmless of [
    'plm_…',
    'postgres://USER:PASSWORD@HOST',
    'postgres://u:***@h',
    'hvs.x',
    '-----BEGIN PUBLIC KEY-----'
  ]) {
    t.same(leaksIn(harmless), [], harmless)
  }
})
