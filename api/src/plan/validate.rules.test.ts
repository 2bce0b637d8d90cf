import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import t from 'tap'
import { parse } from 'yaml'
import { scalarFault } from './scalars.rules.ts'
import { PlanDocument } from './schema/plan.ts'
import type { ScalarKind } from './schema/words.ts'
import { didYouMean, editDistance } from './suggest.rules.ts'
import { validate } from './validate.rules.ts'

const root = join(import.meta.dirname, '../../..')

const inFull: unknown = parse(`
plan: plimsoll/v1
title: everything
defaults:
  owner: team
  window: { calendar: month, timeZone: Europe/Berlin }
  promise: { availability: 99.9%, p95: 200ms }
  gate: { minimumBudget: 5% }
  evidence: 2d
services:
  - name: shop-api
    title: Shop
    description: sells
    owner: team-shop
    signals:
      - self
      - push: {}
      - { name: log, caddyLog: { file: /var/log/a.ndjson, host: [shop.example, '*.shop.example'], path: /api/*, methods: GET, exclude: { paths: ['*.css'], methods: [OPTIONS] }, startAt: end, releaseHeader: X-Version } }
      - caddyLogTcp: { listen: '127.0.0.1:9110' }
      - probe: { url: https://shop.example/healthz, every: 10s, timeout: 5s, method: POST, headers: { Accept: text/plain }, secretHeaders: { Authorization: PLAN_SECRET_X }, body: '{}', expect: { status: [200, 204, 3xx], body: { matches: ok } }, tls: { verify: false, expiryWarning: 30d }, redirects: 0, family: ipv6 }
    promise: { availability: 99.9%, p99: 1s, errors: 0.1%, window: week, from: requests }
    objectives:
      - { name: checkout, title: Checkout, description: why, indicator: latency, path: /api/*/pay, threshold: 300ms, target: 99%, window: 28d, class: [user, synthetic], from: requests, budgeting: { timeSlices: { every: 5m, target: 95% } } }
    routes: { groups: [/api/items/*], cap: 20 }
    load: { url: http://staging.example, requests: [GET /api/items, { method: POST, path: /api/items, weight: 0.5, body: x }], headers: {}, timeout: 1s, maxRate: 50 }
    gate:
      minimumBudget: 10%
      loadLineDrop: 20%
      requireRun: true
      runMaxAge: 3d
      loadLineReference: L-1
      milestones: [M-1]
      freezes:
        - { from: 2026-12-24T00:00Z, to: 2026-12-27T00:00Z, reason: holidays }
        - { weekly: { days: [fri, sat], from: '15:00', to: '08:00', timeZone: Europe/Berlin }, reason: weekend }
      dependencies: [shop-api, https://pay.example/healthz]
      evidence: [{ kind: junit, name: e2e, maxAge: 2h, anyVersion: true }]
      rules: { risks: warn, load_run: off }
      unmeasured: warn
      repository: acme/shop
      environments: { production: { minimumBudget: 25%, unmeasured: block } }
maintenance: [{ service: [shop-api], from: 2026-12-01T02:00Z, to: 2026-12-01T03:00:00+01:00, reason: upgrade }]
risks: [{ id: R-01, title: x, impact: high, probability: low, owner: me, mitigation: y, status: accepted }]
milestones:
  - id: M-1
    title: x
    description: y
    owner: me
    reviewer: you
    due: 2026-12-31
    acceptance:
      - { title: a, every: 1m, evidence: 1h, http: https://a.example/, status: 2xx, body: ok }
      - { http: { url: https://a.example/, method: HEAD, status: 200-204, timeout: 1s } }
      - { objective: shop-api/checkout }
      - { objective: { service: shop-api, objective: p99, state: [pass, warn] } }
      - { file: README.md }
      - { command: { run: [make, verify], timeout: 5m } }
receivers:
  - { name: ops, webhook: { urlSecret: PLAN_SECRET_URL, signingSecret: PLAN_SECRET_KEY, timeout: 5s }, severities: [page], services: [shop-api], sendResolved: false }
`)

const anAjv = (): ((value: unknown) => boolean) => {
  const ajv = new Ajv({ strict: false })
  ajv.addKeyword({
    keyword: 'x-kind',
    type: 'string',
    validate: (kind: ScalarKind, text: string, schema: object = {}) => scalarFault(kind, text, schema) === null
  })
  return ajv.compile(PlanDocument)
}

/** Every place of a document: the mapping or list that holds it, and its key there. */
function places(value: unknown): { holder: Record<string, unknown>; key: string }[] {
  if (typeof value !== 'object' || value === null) return []
  const holder = value as Record<string, unknown>
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...places(holder[key])])
}

t.test('a document in full is without fault', async (t) => {
  t.same(validate(PlanDocument, inFull).faults, [])
  t.ok(anAjv()(inFull))
})

t.test('its yes and no are those of a JSON Schema validator, whatever is changed', async () => {
  const ajv = anAjv()
  const words = [
    '',
    'x',
    '99%',
    '0%',
    '5m',
    '7w',
    '1ms',
    '200',
    '/api/*',
    '*',
    'self',
    'push',
    'none',
    'week',
    'GET /',
    'self:/',
    'https://a.example',
    'pass',
    '200-199',
    '2026-12-01T00:00Z',
    'a'.repeat(300),
    '..',
    'PLAN_SECRET_A',
    'a\u0007b'
  ]
  const replacement = fc.oneof(
    fc.constantFrom<unknown>(...words),
    fc.constantFrom<unknown>(
      0,
      1,
      5,
      -1,
      0.5,
      200,
      1e9,
      true,
      false,
      [],
      {},
      [[]],
      ['self'],
      { self: null },
      { url: 'https://a.example' },
      { contains: 'x' },
      { contains: 'x', matches: 'y' },
      { timeSlices: {} },
      { calendar: 'week' }
    )
  )
  const keys = [
    'plan',
    'name',
    'url',
    'target',
    'every',
    'self',
    'probe',
    'status',
    'toString',
    '__proto__',
    'X-A',
    'a b'
  ]
  const change = fc.record({
    place: fc.nat(),
    kind: fc.constantFrom('replace', 'remove', 'add'),
    key: fc.constantFrom(...keys),
    replacement
  })
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const document = structuredClone(inFull)
      for (const { place, kind, key, replacement } of changes) {
        const all = places(document)
        const { holder, key: there } = all[place % all.length] ?? { holder: {}, key: '' }
        if (kind === 'replace') holder[there] = structuredClone(replacement)
        else if (kind === 'add')
          Object.defineProperty(holder, Array.isArray(holder) ? '0' : key, {
            value: replacement,
            enumerable: true,
            writable: true,
            configurable: true
          })
        else if (Array.isArray(holder)) holder.splice(Number(there), 1)
        else delete holder[there]
      }
      const { value, faults } = validate(PlanDocument, document)
      return (faults.length === 0) === ajv(value)
    }),
    { numRuns: 3_000 }
  )
})

t.test('an editor finds nothing wrong with the plan that is shipped, and knows what it is told', async (t) => {
  const schema = JSON.parse(readFileSync(join(root, 'plan.schema.json'), 'utf8')) as object
  const check = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema)
  t.ok(check(parse(readFileSync(join(root, 'plan.yaml'), 'utf8'))))
  t.ok(check(inFull))
  t.notOk(check({ plan: 'plimsoll/v1', servces: [] }))
  const plain = (key: string, value: unknown) => (key.startsWith('x-') ? undefined : value)
  const { $schema: _, ...committed } = schema as Record<string, unknown>
  t.same(committed, JSON.parse(JSON.stringify(PlanDocument, plain)), 'it is the schema of the code: make schema')
})

t.test('a word is near when few keys were missed', async (t) => {
  const known = ['availability', 'errors', 'p95', 'window']
  t.equal(didYouMean('availabilty', known), 'availability')
  t.equal(didYouMean('Errors', known), 'errors')
  t.equal(didYouMean('p59', known), 'p95', 'swapped letters are one mistake')
  t.equal(didYouMean('uptime', known), 'availability', 'a word of another tool')
  t.equal(didYouMean('nothing', known), null)
  t.equal(didYouMean('constructor', known), null)
  t.equal(editDistance('kitten', 'sitting', 9), 3)
  t.equal(editDistance('kitten', 'sitting', 2), 2, 'no more than the limit')
})
