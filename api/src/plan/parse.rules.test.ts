import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { PlanFault } from '../contract/plan.ts'
import { parsePlan } from './parse.rules.ts'

const root = join(import.meta.dirname, '../../..')

const faultsOf = (text: string): string[] => parsePlan(text).faults.map(line)

const line = ({ line, column, severity, text, expected }: PlanFault): string =>
  `${line}:${column} ${severity === 'error' ? '' : 'warning '}${text} | ${expected ?? ''}`

/** A plan with one service, whose body begins at line 4, column 5. */
const service = (...body: string[]): string =>
  ['plan: plimsoll/v1', 'services:', '  - name: shop', ...body.map((line) => `    ${line}`)].join('\n')

/** As above, with a signal in line 4, so that nothing is remarked. */
const watched = (...body: string[]): string => service('signals: [self]', ...body)

const p95 = 'indicator: latency, threshold: 200ms'

const cases: { name: string; text: string; faults: string[] }[] = [
  {
    name: 'a key that is nearly right says which was meant',
    text: watched('promise: { availabilty: 99.9% }'),
    faults: ['5:16 `availabilty` is not known here: did you mean `availability`? | `availability`']
  },
  {
    name: 'a key of another tool says what it is called here',
    text: watched('objectives:', '  - { name: a, indicator: availability, goal: 99%, target: 99% }'),
    faults: ['6:45 `goal` is not known here: did you mean `target`? | `target`']
  },
  {
    name: 'a key one level too high says where it belongs',
    text: service('signals:', '  - probe: { url: https://a.example, status: 200 }'),
    faults: ['5:42 `status` belongs into `expect` | `expect: { status: … }`']
  },
  {
    name: 'a key that is like no other lists those that are known',
    text: watched('routes: { foo: 1 }'),
    faults: ['5:15 `foo` is not known here | `groups` or `cap`']
  },
  {
    name: 'a target without its sign says what to write',
    text: watched(`objectives: [{ name: a, ${p95}, target: 0.999 }]`),
    faults: [
      '5:75 a bare number could be a share or a percentage: write `99.9%` | a percentage above 0% and below 100%, such as 99.9%'
    ]
  },
  {
    name: 'a target of everything leaves no budget',
    text: watched('promise: { availability: 100% }'),
    faults: [
      '5:30 `availability` leaves no error budget: it has to be below 100% | a percentage above 0% and below 100%, such as 99.9%'
    ]
  },
  {
    name: 'a target of nothing promises nothing',
    text: watched('promise: { availability: 0% }'),
    faults: [
      '5:30 `availability` promises nothing: it has to be above 0% | a percentage above 0% and below 100%, such as 99.9%'
    ]
  },
  {
    name: 'a duration without a unit says what to write',
    text: watched('promise: { p95: 200 }'),
    faults: ['5:21 a bare number has no unit: write `200s` or `200ms` | a duration from 1ms to 1h, such as 200ms']
  },
  {
    name: 'a window that is too short or too long is out of range, and a word nearly right is guessed',
    text: watched('promise: { p95: 200ms, window: 30m }').concat(
      '\n  - name: two\n    signals: [self]\n    promise: { p95: 200ms, window: 401d }',
      '\n  - name: three\n    signals: [self]\n    promise: { p95: 200ms, window: moth }'
    ),
    faults: [
      '5:36 `window` is less than 1h | a duration from 1h to 400d, such as 30d',
      '8:36 `window` is more than 400d | a duration from 1h to 400d, such as 30d',
      '11:36 did you mean `month`? | `week`, `month` or `quarter`, or a duration from 1h to 400d, such as 30d, or a mapping with `calendar`'
    ]
  },
  {
    name: 'a window counts whole minutes',
    text: watched('promise: { p95: 200ms, window: 1h30s }'),
    faults: ['5:36 only whole minutes can be judged | whole minutes']
  },
  {
    name: 'a time zone that is nearly right says which was meant',
    text: watched('promise: { p95: 200ms, window: { calendar: month, timeZone: Europe/Berln } }'),
    faults: [
      '5:65 `timeZone` is no time zone: did you mean `Europe/Berlin`? | the IANA name of a time zone, such as Europe/Berlin'
    ]
  },
  {
    name: 'a promise that promises nothing says so',
    text: watched('promise: { window: 7d }'),
    faults: [
      '5:14 this promises nothing | at least one of `availability`, `p50`, `p90`, `p95`, `p99` or `errors`; or `objectives: []` for a service without a promise'
    ]
  },
  {
    name: 'latency needs a threshold and nothing else takes one',
    text: watched(
      'objectives:',
      '  - { name: a, indicator: latency, target: 99% }',
      '  - { name: b, indicator: errors, threshold: 1s, target: 99% }'
    ),
    faults: [
      '6:9 `threshold` is missing: what is slow? | `threshold: 200ms`',
      '7:39 `threshold` means nothing to errors | `indicator: latency`, or no threshold'
    ]
  },
  {
    name: 'what is missing is said at the mapping that lacks it',
    text: watched('objectives:', '  - { name: a }'),
    faults: [
      '6:9 `indicator` is missing | `indicator`: `availability`, `latency` or `errors`',
      '6:9 `target` is missing | `target`: a percentage above 0% and below 100%, such as 99.9%'
    ]
  },
  {
    name: 'two services, objectives, signals of one name: the second is at fault',
    text: service(
      'signals: [{ name: a, self: }, { name: a, push: }]',
      `objectives: [{ name: x, ${p95}, target: 99% }, { name: x, ${p95}, target: 98% }]`
    ).concat('\n  - name: shop'),
    faults: [
      '4:43 another signal of this service is called `a` | a name of its own',
      '5:90 another objective of this service is called `x` | a name of its own',
      '6:11 another service is called `shop` | a name of its own'
    ]
  },
  {
    name: 'an objective may not take the name of a part of the promise',
    text: watched('promise: { p95: 200ms }', `objectives: [{ name: p95, ${p95}, target: 99% }]`),
    faults: ['6:26 the promise already makes an objective called `p95` | another name, or `promise` without `p95`']
  },
  {
    name: 'a probe may not take longer than the time to the next one',
    text: service('signals: [{ probe: { url: https://a.example, every: 1s, timeout: 5s } }]'),
    faults: ['4:70 a probe may not take longer than the time to the next one | at most 1s, or a longer `every`']
  },
  {
    name: 'a probe of another scheme, or with a password in its URL, is refused',
    text: service('signals:', '  - probe: ftp://a.example', '  - probe: https://me:secret@a.example/'),
    faults: [
      "5:16 `probe` has the scheme ftp://, which is not spoken here | an http or https URL without a user name and password, or self:/path for Plimsoll's own address",
      "6:16 `probe` carries a user name or password, and a plan is shown to everybody | an http or https URL without a user name and password, or self:/path for Plimsoll's own address"
    ]
  },
  {
    name: 'a secret in the open says how to name it instead',
    text: service('signals:', '  - probe: { url: https://a.example, headers: { Authorization: Bearer x } }'),
    faults: [
      '5:53 `Authorization` is a secret, and a plan is shown to everybody | `secretHeaders: { Authorization: PLAN_SECRET_… }`'
    ]
  },
  {
    name: 'a plan cannot name a secret that is not meant for plans',
    text: service('signals:', '  - probe: { url: https://a.example, secretHeaders: { A: API_TOKEN } }'),
    faults: ['5:62 `A` cannot be read | the name of an environment variable or vault key that begins with PLAN_SECRET_']
  },
  {
    name: 'a signal that comes later says so, and what can stand in',
    text: service('signals:', '  - prometheus: { url: http://127.0.0.1:9090 }'),
    faults: [
      "5:9 reading Prometheus is not supported yet; Caddy's log, a probe or a push can stand in | `name`, `caddyLog`, `caddyLogTcp`, `probe`, `push` or `self`"
    ]
  },
  {
    name: 'a signal is of one kind',
    text: service('signals:', '  - { name: a }', '  - { self: {}, push: {} }', '  - self', '  - self:'),
    faults: [
      '5:9 this signal is of no kind | one of `caddyLog`, `caddyLogTcp`, `probe`, `push` or `self`',
      '6:9 this signal is of several kinds | one of `caddyLog`, `caddyLogTcp`, `probe`, `push` or `self`, each in an entry of its own',
      '7:9 `self` is there twice: everything would count twice | `self` once',
      '8:9 `self` is there twice: everything would count twice | `self` once'
    ]
  },
  {
    name: 'maintenance of an unknown service, in reverse, or for a year',
    text: watched().concat(
      '\nmaintenance:',
      '\n  - { service: shopp, from: 2026-12-01T02:00Z, to: 2026-12-01T03:00Z, reason: x }',
      '\n  - { service: shop, from: 2026-12-01T02:00Z, to: 2026-12-01T02:00Z, reason: x }',
      '\n  - { from: 2026-12-01T02:00Z, to: 2027-12-01T02:00Z, reason: x }',
      '\n  - { from: 2026-02-30T02:00Z, to: tomorrow, reason: x }'
    ),
    faults: [
      '6:16 there is no service called `shopp`: did you mean `shop`? | shop',
      '7:51 it ends before it begins | a time after 2026-12-01T02:00Z',
      '8:36 a band of more than 30 days is no maintenance | at most 30 days after `from`',
      '9:13 `from` is no time of the calendar | a time with its offset (RFC 3339), such as 2026-12-01T02:00Z',
      '9:36 `to` cannot be read | a time with its offset (RFC 3339), such as 2026-12-01T02:00Z'
    ]
  },
  {
    name: 'a check of a milestone is of one kind, stays below the plan and names what exists',
    text: watched().concat(
      '\nmilestones:\n  - id: M-1\n    title: x\n    owner: y\n    due: 2026-13-01\n    acceptance:',
      '\n      - { title: x }',
      '\n      - { http: https://a.example, file: a }',
      '\n      - { file: a, status: 200 }',
      '\n      - { file: ../a }',
      '\n      - { file: /etc/passwd }',
      '\n      - { objective: shop/p59 }',
      '\n      - { objective: { service: shop, objective: p95, state: fail } }',
      '\n      - { command: make verify }',
      '\n      - { http: https://a.example, status: 299-200 }'
    ),
    faults: [
      '9:10 `due` is no day of the calendar | a day of the calendar, such as 2026-12-31',
      '11:9 this check is of no kind | one of `http`, `objective`, `file` or `command`',
      '12:9 this check is of several kinds | one of `http`, `objective`, `file` or `command`',
      '13:20 `status` belongs to the answer over HTTP | `http` with a URL',
      '14:17 `file` leads out of the directory of the plan | a path relative to the plan file, not above it, such as docs/RUNBOOK.md',
      '15:17 `file` is absolute | a path relative to the plan file, not above it, such as docs/RUNBOOK.md',
      '16:22 there is no objective of shop called `p59`: did you mean `p95`? | p95',
      '17:62 `state` is not known here | `pass`, `warn` or `not_enough_evidence`, or a list, each entry `pass`, `warn` or `not_enough_evidence`',
      '18:20 `command` cannot be read | a list, each entry text, or a mapping with `run`',
      '19:44 `status` ends before it begins | a status such as 200, a class such as 2xx or a range such as 200-204'
    ]
  },
  {
    name: 'a webhook goes to one place',
    text: watched().concat('\nreceivers:\n  - { name: a, webhook: { timeout: 1s }, services: [shpo] }'),
    faults: [
      '6:25 this webhook goes nowhere | either `url` or `urlSecret`',
      '6:53 there is no service called `shpo`: did you mean `shop`? | shop'
    ]
  },
  {
    name: 'a run cannot be required where none is possible',
    text: watched('gate: { requireRun: true }'),
    faults: ['5:25 no run is possible without `load` | `load` with a URL and requests, or `requireRun: false`']
  },
  {
    name: 'a freeze is once or every week, and has a length',
    text: watched(
      'gate:',
      '  freezes:',
      '    - { from: 2026-12-24T00:00Z, to: 2026-12-23T00:00Z, reason: a }',
      '    - { from: 2026-12-24T00:00Z, reason: a }',
      '    - { weekly: { days: [sat] }, to: 2026-12-23T00:00Z, reason: a }',
      '    - { weekly: { days: sat, from: "24:00" }, reason: a }',
      '    - { weekly: { days: sat, timeZone: Europe/Berlni }, reason: a }'
    ),
    faults: [
      '7:42 it ends before it begins | a time after 2026-12-24T00:00Z',
      '8:11 nobody knows when this freeze is | either `from` and `to`, or `weekly`',
      '9:11 this freeze is both once and every week | either `from` and `to`, or `weekly`',
      '10:21 it ends when it begins | another time than 24:00',
      '11:44 `timeZone` is no time zone: did you mean `Europe/Berlin`? | the IANA name of a time zone, such as Europe/Berlin'
    ]
  },
  {
    name: 'what a gate names is in the plan',
    text: watched(
      'gate: { environments: { production: { milestones: [M-1], dependencies: [shpo, https://a.example/] } } }'
    ),
    faults: [
      '5:56 there is no milestone called `M-1` | a plan with a milestone',
      '5:77 there is no service called `shpo`: did you mean `shop`? | shop'
    ]
  },
  {
    name: 'another format, or none, is named',
    text: 'services: []\n',
    faults: ['1:1 `plan` is missing | `plan`: `plimsoll/v1`']
  },
  {
    name: 'something else than a mapping is no plan',
    text: '- a\n',
    faults: ['1:1 this is no plan | a mapping that begins with `plan: plimsoll/v1`']
  },
  {
    name: 'a second document is refused, and where it begins is said',
    text: 'plan: plimsoll/v1\nservices: []\n---\nplan: plimsoll/v1\n',
    faults: [
      '1:1 warning nothing is watched | `services: [ { name: shop, signals: [ … ] } ]`',
      '4:1 a file holds one plan, and a second document begins here | one document (only OpenSLO may have several)'
    ]
  },
  {
    name: 'a bracket that is never closed is missed where something else begins',
    text: 'plan: plimsoll/v1\nservices: [{ name: a }\nrisks: []\n',
    faults: ['3:1 what is in brackets ends here, without a bracket | `]` before it']
  },
  {
    name: 'a tab as indentation is refused',
    text: 'plan: plimsoll/v1\nservices:\n\t- name: a\n',
    faults: ['3:1 a tab is used for indentation | spaces']
  },
  {
    name: 'a key that is there twice is refused, and the rest is read nevertheless',
    text: watched('owner: a', 'owner: b', 'titel: c'),
    faults: [
      '6:5 `owner` is there twice | each key once',
      '7:5 `titel` is not known here: did you mean `title`? | `title`'
    ]
  },
  {
    name: 'a text that begins with a star is taken for an alias, and needs quotes',
    text: service('signals: [{ self: { path: *.css } }]'),
    faults: [
      "4:31 no anchor is called `.css` | an anchor &.css before it; or, for text that begins with *, quotes: '*.css'"
    ]
  },
  {
    name: 'a value with a tag is refused',
    text: watched('owner: !!js/function x'),
    faults: ['5:12 unresolved tag: tag:yaml.org,2002:js/function | values without tags']
  },
  {
    name: 'another YAML is refused: `yes` would be true there',
    text: '%YAML 1.1\n---\nplan: plimsoll/v1\n',
    faults: ['1:1 YAML 1.1 is not read here | YAML 1.2, without directives']
  },
  {
    name: 'a colon without a space is explained',
    text: 'plan: plimsoll/v1\nservices:\n  - name:shop\n    owner: x\n',
    faults: [
      '3:5 implicit keys need to be on a single line | a space after the colon, and each key on a line of its own'
    ]
  },
  {
    name: 'an empty file is a plan that watches nothing, and shows how to begin',
    text: '# nothing yet\n',
    faults: [
      '1:1 warning the plan is empty: nothing is watched | `plan: plimsoll/v1`, then `services:` with a name and signals each'
    ]
  }
]

for (const { name, text, faults } of cases) {
  t.test(name, async (t) => t.same(faultsOf(text), faults))
}

t.test('all faults are found at once, in the order of the file', async (t) => {
  const text = watched('promise: { p95: 200, errors: 100%, foo: 1 }', 'gate: { minimumBudget: 10 }').concat(
    '\nrisks: [{ id: R-1, title: x, impact: hihg, probability: low, owner: y }]',
    '\nmaintenance: [{ service: nobody, from: 2026-12-01T02:00Z, to: 2026-12-01T01:00Z, reason: x }]'
  )
  const { plan, faults } = parsePlan(text)
  t.equal(plan, null)
  t.same(
    faults.map(({ path }) => path),
    [
      '/services/0/promise/p95',
      '/services/0/promise/errors',
      '/services/0/promise/foo',
      '/services/0/gate/minimumBudget',
      '/risks/0/impact',
      '/maintenance/0/service',
      '/maintenance/0/to'
    ]
  )
})

t.test('a fault in one part hides none in another', async (t) => {
  t.same(faultsOf(service('signals: [nothing]', `objectives: [{ name: a, ${p95}, target: 100% }]`)), [
    '4:15 `signals` is not known here | `self` or `push`, or a mapping of `name`, `caddyLog`, `caddyLogTcp`, `probe`, `push` or `self`',
    '5:75 `target` leaves no error budget: it has to be below 100% | a percentage above 0% and below 100%, such as 99.9%'
  ])
})

t.test('a plan may be JSON', async (t) => {
  const { plan, faults } = parsePlan('{"plan":"plimsoll/v1","services":[{"name":"shop","signals":["self"]}]}')
  t.same(faults, [])
  t.equal(plan?.services[0]?.objectives.length, 3)
})

t.test('anchors and merge keys are put in', async (t) => {
  const { plan, faults } = parsePlan(
    [
      'plan: plimsoll/v1',
      'services:',
      '  - &shop { name: shop, owner: team, signals: [self] }',
      '  - { <<: *shop, name: pay }'
    ].join('\n')
  )
  t.same(faults, [])
  t.same(
    plan?.services.map(({ name, owner }) => `${name} ${owner}`),
    ['shop team', 'pay team']
  )
})

t.test('what may be a secret is not repeated', async (t) => {
  const { faults } = parsePlan(
    service(
      'signals:',
      '  - probe: https://me:hunter2@a.example/x',
      '  - probe: { url: https://a.example, secretHeaders: { A: hunter2 }, headers: { Cookie: hunter2 } }'
    )
  )
  t.equal(faults.length, 3)
  t.notMatch(JSON.stringify(faults), 'hunter2')
  t.equal(faults[0]?.found, 'https://…@a.example/x')
})

t.test('a key with nothing behind it is as if it were not there', async (t) => {
  const { plan, faults } = parsePlan(service('owner:', 'signals: [{ self: }]', 'objectives:', 'promise:'))
  t.same(faults, [])
  t.equal(plan?.services[0]?.owner, null)
  t.equal(plan?.services[0]?.objectives.length, 3, 'the default promise')
})

const remarks: { name: string; text: string; faults: string[] }[] = [
  {
    name: 'a service without signals',
    text: service('owner: x'),
    faults: [
      '3:11 warning shop has no signals: nothing of it can be measured | `signals` with caddyLog, probe, push or self'
    ]
  },
  {
    name: 'probes that are judged and not there, and requests that nothing counts',
    text: watched('promise: { availability: 99%, from: probes }').concat(
      '\n  - name: two\n    signals: [{ probe: https://a.example }]\n    promise: { p95: 1s, from: requests }'
    ),
    faults: [
      '5:30 warning availability is judged by probes, and shop has none | a `probe` among its signals',
      '8:21 warning p95 is judged by requests, and nothing counts those of two | `from: probes`, or caddyLog, push or self among its signals'
    ]
  },
  {
    name: 'a target that is met by half of the requests, and errors that were meant the other way round',
    text: watched('objectives: [{ name: a, indicator: errors, target: 0.1% }]'),
    faults: ['5:18 warning no burn rate is worth an alert when 0.1% is enough | the share of good requests: 99.9%']
  },
  {
    name: 'a budget that one probe spends',
    text: service(
      'signals: [{ probe: { url: https://a.example, every: 1m } }]',
      'objectives: [{ name: a, indicator: availability, target: 99.99%, window: 1d }]'
    ),
    faults: [
      '5:18 warning one bad probe spends the whole budget of a: 1d hold 1440 probes | a target of at most 99.93%, or a longer window'
    ]
  },
  {
    name: 'maintenance that overlaps, of one service and of all',
    text: watched().concat(
      '\nmaintenance:',
      '\n  - { service: shop, from: 2026-12-01T02:00Z, to: 2026-12-01T04:00Z, reason: one }',
      '\n  - { from: 2026-12-01T03:00Z, to: 2026-12-01T05:00Z, reason: two }',
      '\n  - { service: shop, from: 2026-12-01T05:00Z, to: 2026-12-01T06:00Z, reason: three }'
    ),
    faults: ['7:5 warning this band overlaps "one": the time they share counts once | bands that do not overlap']
  },
  {
    name: 'a milestone that nothing shows, and evidence that expires before the next check',
    text: watched().concat(
      '\nmilestones:\n  - { id: M-1, title: x, owner: y }',
      '\n  - { id: M-2, title: x, owner: y, acceptance: [{ file: a, every: 1h, evidence: 10m }] }'
    ),
    faults: [
      '6:11 warning nothing shows whether M-1 is reached | `acceptance` with a check',
      '7:49 warning this evidence expires after 10m, before the next check comes | `every: 10m` or less'
    ]
  },
  {
    name: 'the same file twice for one service',
    text: service('signals: [{ caddyLog: a.log }, { caddyLog: { file: a.log } }]'),
    faults: ['4:36 warning this file is already read for this service: requests count twice | the file once']
  }
]
t.test('what works and may not be meant is a warning', async (t) => {
  for (const { name, text, faults } of remarks) {
    const { plan } = parsePlan(text)
    t.ok(plan, `${name}: works`)
    t.same(faultsOf(text), faults, name)
  }
})

t.test('bytes that are not UTF-8 are refused at the line where they begin', async (t) => {
  const latin1 = Buffer.from('plan: plimsoll/v1\ntitle: Überblick\n', 'latin1')
  t.match(parsePlan(latin1), { plan: null, faults: [{ line: 2, column: 8, text: 'the plan is not UTF-8' }] })
  const utf16 = Buffer.from('\uFEFFplan: plimsoll/v1\n', 'utf16le')
  t.match(parsePlan(utf16), { plan: null, faults: [{ line: 1, column: 1, found: 'UTF-16' }] })
  const marked = Buffer.from('\uFEFFplan: plimsoll/v1\nservices: [{ name: a, signals: [self] }]\n')
  t.same(parsePlan(marked).faults, [], 'a byte order mark is no fault')
  t.match(faultsOf('plan: plimsoll/v1\ntitle: "a\0b"\n'), [/^2:10 the plan holds a control character/])
})

const hostile: { name: string; text: string; fault: RegExp }[] = [
  { name: 'too large', text: '#'.repeat(1_048_577), fault: /1:1 the plan is too large/ },
  { name: 'open brackets', text: '['.repeat(1_000_000), fault: /nested too deeply/ },
  { name: 'nested lists on one line', text: '- '.repeat(400_000), fault: /nested too deeply/ },
  {
    name: 'nested mappings',
    text: Array.from({ length: 60 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
    fault: /nested too deeply/
  },
  { name: 'a million commas', text: `[${','.repeat(900_000)}]`, fault: /too long|too many/ },
  { name: 'a hundred thousand mistakes', text: ': :\n'.repeat(100_000), fault: /./ },
  { name: 'tokens without end', text: '- a\n'.repeat(250_000), fault: /the plan is too long/ },
  {
    name: 'a billion laughs',
    text: [...'bcdefghi'].reduce(
      (text, name, i) =>
        `${text}\n${name}: &${name} [${Array.from({ length: 9 }, () => `*${'abcdefgh'[i]}`).join(',')}]`,
      'a: &a [x,x,x,x,x,x,x,x,x]'
    ),
    fault: /aliases make this too large/
  },
  { name: 'an anchor inside itself', text: 'a: &a [*a]', fault: /nested too deeply/ }
]
t.test('a text that is made to exhaust is refused, with few faults', async (t) => {
  for (const { name, text, fault } of hostile) {
    const { plan, faults } = parsePlan(text)
    t.equal(plan, null, name)
    t.ok(faults.length > 0 && faults.length <= 201, `${name}: ${faults.length} faults`)
    t.match(line(faults[0] as PlanFault), fault, name)
  }
})

t.test('many faults are counted, and the first are shown', async (t) => {
  const services = Array.from({ length: 300 }, (_, i) => `  - { name: s${i}, signals: [self], foo: 1 }`)
  const { faults } = parsePlan(['plan: plimsoll/v1', 'services:', ...services].join('\n'))
  t.equal(faults.length, 201)
  t.match(faults.at(-1)?.text, /^and 100 more/)
})

t.test('keys of every object are ordinary keys here', async (t) => {
  const { faults } = parsePlan('plan: plimsoll/v1\n__proto__: {}\nconstructor: {}\ntoString: 1\n')
  t.same(
    faults.filter(({ severity }) => severity === 'error').map(({ path }) => path),
    ['/__proto__', '/constructor', '/toString']
  )
})

t.test("Plimsoll's own plan has nothing to be said about", async (t) => {
  const { plan, faults } = parsePlan(readFileSync(join(root, 'plan.yaml')))
  t.same(faults, [])
  t.same(
    plan?.services[0]?.objectives.map(({ name, targetRatio, thresholdMs }) => [name, targetRatio, thresholdMs]),
    [
      ['availability', 0.999, null],
      ['p95', 0.95, 200],
      ['errors', 0.999, null]
    ]
  )
  t.same(
    plan?.risks.map(({ id }) => id),
    ['R-01', 'R-02', 'R-03']
  )
  t.same(
    plan?.milestones.map(({ id }) => id),
    ['M-1', 'M-2', 'M-3', 'M-4']
  )
})
