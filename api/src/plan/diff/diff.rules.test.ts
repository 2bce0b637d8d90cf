import t from 'tap'
import { parsePlan } from '../parse.rules.ts'
import { diffPlans } from './diff.rules.ts'

const base = `plan: plimsoll/v1
title: one
services:
  - name: shop
    owner: me
    signals: [{ caddyLog: a.log }]
    promise: { availability: 99.9%, p95: 200ms }
maintenance: [{ service: shop, from: 2026-12-01T02:00Z, to: 2026-12-01T03:00Z, reason: upgrade }]
risks: [{ id: R-1, title: fire, impact: high, probability: low, owner: me }]
milestones: [{ id: M-1, title: there, owner: me, acceptance: [{ file: a }] }]
receivers: [{ name: ops, webhook: https://a.example/ }]
`

const changes = (from: string, to: string) => {
  const [before, after] = [parsePlan(from), parsePlan(to)]
  if (!before.plan || !after.plan) throw new Error(JSON.stringify([before.faults, after.faults]))
  return diffPlans(before.plan, after.plan)
}

const lines = (from: string, to: string): string[] =>
  changes(from, to).map(({ kind, path, text }) => `${kind} ${path} | ${text}`)

const cases: { name: string; edit: [string, string]; lines: string[] }[] = [
  { name: 'a comment changes nothing', edit: ['title: one', 'title: one # really'], lines: [] },
  {
    name: 'other words for the same change nothing',
    edit: ['99.9%, p95: 200ms', '99.90 %, p95: 0s200ms, window: 4w2d'],
    lines: []
  },
  {
    name: 'a threshold, without the title that is made of it',
    edit: ['200ms', '300ms'],
    lines: ['changed services/shop/objectives/p95/threshold | shop/p95: threshold 200ms → 300ms']
  },
  {
    name: 'a target',
    edit: ['99.9%', '99.5%'],
    lines: ['changed services/shop/objectives/availability/target | shop/availability: target 99.9% → 99.5%']
  },
  {
    name: 'a window of the whole promise',
    edit: ['200ms }', '200ms, window: month }'],
    lines: [
      'changed services/shop/objectives/availability/window | shop/availability: window 30d → { calendar: month, timeZone: UTC }',
      'changed services/shop/objectives/p95/window | shop/p95: window 30d → { calendar: month, timeZone: UTC }'
    ]
  },
  {
    name: 'an objective more and one less',
    edit: ['p95: 200ms', 'errors: 1%'],
    lines: [
      'removed services/shop/objectives/p95 | shop no longer promises p95 (p95 under 200ms)',
      'added services/shop/objectives/errors | shop promises errors (Errors under 1%)'
    ]
  },
  {
    name: 'a source more, and another file',
    edit: ['[{ caddyLog: a.log }]', '[{ caddyLog: b.log }, push]'],
    lines: [
      'added services/shop/signals/push:0 | shop hears from pushed events',
      'changed services/shop/signals/caddyLog:0 | shop hears from the access log b.log in another way'
    ]
  },
  {
    name: 'an owner',
    edit: ['owner: me\n', 'owner: you\n'],
    lines: ['changed services/shop/owner | shop: owner me → you']
  },
  { name: 'a title', edit: ['title: one', 'title: two'], lines: ['changed title | plan: title one → two'] },
  {
    name: 'a band at another time',
    edit: ['02:00Z, to', '01:00Z, to'],
    lines: [
      'removed maintenance/shop/2026-12-01T02:00:00Z | maintenance of shop, 2026-12-01T02:00:00Z to 2026-12-01T03:00:00Z: upgrade',
      'added maintenance/shop/2026-12-01T01:00:00Z | maintenance of shop, 2026-12-01T01:00:00Z to 2026-12-01T03:00:00Z: upgrade'
    ]
  },
  {
    name: 'a risk',
    edit: ['impact: high', 'impact: low'],
    lines: ['changed risks/R-1/impact | R-1: impact high → low']
  },
  {
    name: 'a receiver',
    edit: ['name: ops', 'name: night'],
    lines: ['removed receivers/ops | receiver ops is removed', 'added receivers/night | receiver night is added']
  }
]
t.test('a change is said in words, at its place', async (t) => {
  for (const { name, edit, lines: expected } of cases) {
    const edited = base.replace(...edit)
    t.not(edited, base, `${name}: is an edit`)
    t.same(lines(base, edited), expected, name)
  }
})

t.test('a service that is renamed is another service', async (t) => {
  const edited = base.replaceAll('shop', 'store')
  t.same(
    changes(base, edited)
      .filter(({ path }) => path.startsWith('services'))
      .map(({ kind, text }) => `${kind} ${text}`),
    ['removed shop is no longer watched', 'added store is watched: 1 signal, 2 objectives']
  )
})

t.test('a check of a milestone is named by what it checks', async (t) => {
  const edited = base.replace('[{ file: a }]', '[{ file: b, title: B is there }]')
  t.same(
    changes(base, edited).map(({ kind, text }) => `${kind} ${text}`),
    ['removed M-1 is no longer reached only when a exists', 'added M-1 is reached only when B is there']
  )
  const other = base.replace('id: M-1', 'id: M-2')
  t.same(
    changes(base, other).map(({ text }) => text),
    ['milestone M-1 there is removed', 'milestone M-2 there is added']
  )
})

t.test('each change says what it costs', async (t) => {
  const effect = (...edit: [string, string]) => changes(base, base.replace(...edit))[0]?.effect
  t.match(effect('99.9%', '99.5%'), /a new revision opens; past judgements keep their own/)
  t.match(effect('200ms', '300ms'), /compared with this threshold from now on/)
  t.match(effect('owner: me\n', 'owner: you\n'), /nothing that is counted or judged/)
  t.match(effect('[{ file: a }]', '[{ file: a }, { file: b }]'), /could not be measured/)
})
