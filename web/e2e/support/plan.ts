import type { CheckResult, Milestone, PlanChange, PlanFault, PlanStatus, Risk } from '@plimsoll/api/contract'

const DAY = 86_400_000
const iso = (ms: number): string => new Date(ms).toISOString()

export const YAML = `plan: plimsoll/v1

services:
  - name: checkout
    owner: team-payments
    signals:
      - caddyLog: { file: /var/log/caddy/checkout.ndjson, host: shop.example, path: /api/checkout/* }
      - probe: { url: https://checkout.example/healthz, every: 10s, timeout: 5s }
    promise: { availability: 99.9%, p95: 200ms, errors: 0.1%, window: 30d }

  - name: shop-api
    owner: team-shop
    signals:
      - caddyLog: { file: /var/log/caddy/access.ndjson, host: shop.example, path: /api/* }
    promise: { availability: 99.9%, p95: 200ms, errors: 0.1%, window: 30d }
    objectives:
      - { name: checkout-latency, indicator: latency, path: /api/checkout/*, threshold: 300ms, target: 99%, window: 30d }

risks:
  - { id: R-01, title: Security vulnerabilities, impact: high, probability: medium, owner: tech-lead, status: open }

maintenance:
  - { service: checkout, from: 2026-12-01T02:00Z, to: 2026-12-01T03:00Z, reason: database upgrade }
`

export const planFaults: PlanFault[] = [
  {
    path: '/services/0/promise/availability',
    line: 9,
    column: 31,
    severity: 'error',
    text: 'The target must be under 100 %: a promise without a budget cannot be kept.',
    found: '100%',
    expected: 'a percentage above 0 and under 100, such as 99.9%'
  },
  {
    path: '/services/1/signals/0/caddyLog/hots',
    line: 15,
    column: 62,
    severity: 'error',
    text: 'There is no setting "hots".',
    found: 'hots',
    expected: 'file, address, host, path, methods; did you mean "host"?'
  }
]

export const planChanges: PlanChange[] = [
  {
    kind: 'changed',
    path: 'services/checkout/objectives/availability',
    text: 'The target of availability rises.',
    from: '99.9%',
    to: '99.95%',
    effect: 'Opens revision 3; judgements of revision 2 stay as they are.'
  },
  {
    kind: 'added',
    path: 'services/reports',
    text: 'Service reports is watched.',
    effect: 'Counts begin when the plan is applied.'
  },
  {
    kind: 'removed',
    path: 'services/legacy',
    text: 'Service legacy is no longer watched.',
    from: 'legacy',
    effect: 'Its history stays readable for 400 days.'
  }
]

export const planStatus = (nowMs: number, revision: number, yaml: string, refused: boolean): PlanStatus => ({
  revision,
  hash: `hash-${revision}`,
  source: revision > 12 ? 'ui' : 'file',
  file: '/etc/plimsoll/plan.yaml',
  appliedBy: revision > 12 ? '127.0.0.1' : 'file watcher',
  appliedAt: iso(nowMs - 20 * 60_000),
  yaml,
  plan: {},
  warnings: [
    {
      path: '/services/1/objectives/0',
      line: 19,
      column: 9,
      severity: 'warning',
      text: 'At today’s traffic the path /api/checkout/* sees 40 requests a day: most alerts on it cannot fire.',
      expected: 'a probe on the same path'
    }
  ],
  refused: refused ? { at: iso(nowMs - 5 * 60_000), source: 'file /etc/plimsoll/plan.yaml', faults: planFaults } : null
})

export const risks: Risk[] = [
  {
    id: 'R-03',
    title: 'Lack of observability',
    impact: 'high',
    probability: 'high',
    owner: 'tech-lead',
    mitigation: 'Structured logging, health checks and monitoring dashboards.',
    status: 'open'
  },
  {
    id: 'R-01',
    title: 'Security vulnerabilities',
    impact: 'high',
    probability: 'medium',
    owner: 'tech-lead',
    mitigation: 'A reverse proxy, secrets managed in Vault, regular security scans.',
    status: 'open'
  },
  {
    id: 'R-02',
    title: 'Scalability bottlenecks',
    impact: 'medium',
    probability: 'high',
    owner: 'tech-lead',
    mitigation: 'Containers, load line measured before each release.',
    status: 'mitigated'
  },
  {
    id: 'R-04',
    title: 'One on-call engineer',
    impact: 'medium',
    probability: 'low',
    owner: 'lead',
    mitigation: null,
    status: 'accepted'
  }
]

const check = (nowMs: number, given: Partial<CheckResult> & Pick<CheckResult, 'key' | 'title'>): CheckResult => ({
  kind: 'http',
  state: 'pass',
  reasons: [{ code: 'status_as_expected', text: 'Answered 200 in 4 ms.' }],
  checkedAt: iso(nowMs - 3 * 60_000),
  expiresAt: iso(nowMs + DAY),
  durationMs: 4.2,
  ...given
})

export const milestones = (nowMs: number): Milestone[] => [
  {
    id: 'M-1',
    title: 'Backend',
    owner: 'engineer',
    reviewer: 'tech-lead',
    due: '2026-11-30',
    state: 'pass',
    reasons: [{ code: 'all_checks_pass', text: 'All 2 checks pass.' }],
    passed: 2,
    checks: [
      check(nowMs, { key: 'm1-0', title: 'GET http://127.0.0.1:3000/healthz answers 200' }),
      check(nowMs, {
        key: 'm1-1',
        kind: 'objective',
        title: 'plimsoll availability passes',
        reasons: [{ code: 'objective_passes', text: '99.4 % of its budget is left.' }]
      })
    ]
  },
  {
    id: 'M-3',
    title: 'Integration and verification',
    owner: 'engineer',
    reviewer: 'tech-lead',
    due: '2026-12-15',
    state: 'fail',
    reasons: [{ code: 'checks_fail', text: '1 of 3 checks fails, 1 has no fresh evidence.' }],
    passed: 1,
    checks: [
      check(nowMs, {
        key: 'm3-0',
        kind: 'file',
        title: '.github/workflows/ci.yml exists',
        reasons: [{ code: 'file_exists', text: 'The file exists, 2.1 kB.' }]
      }),
      check(nowMs, {
        key: 'm3-1',
        kind: 'command',
        title: 'make lint',
        state: 'fail',
        durationMs: 5_300,
        reasons: [
          {
            code: 'exit_code',
            text: 'Ended with 2 where 0 was wanted: 3 problems in web/src.',
            next: 'Run make lint and mend what it shows.'
          }
        ]
      }),
      check(nowMs, {
        key: 'm3-2',
        kind: 'command',
        title: 'make e2e',
        state: 'not_enough_evidence',
        checkedAt: iso(nowMs - 40 * DAY),
        expiresAt: iso(nowMs - 10 * DAY),
        reasons: [
          {
            code: 'evidence_expired',
            text: 'The last run is 40 days old; evidence of commands lasts 30.',
            next: 'Run the check again.'
          }
        ]
      })
    ]
  },
  {
    id: 'M-4',
    title: 'Operational readiness',
    owner: 'engineer',
    reviewer: null,
    due: null,
    state: 'could_not_measure',
    reasons: [{ code: 'no_checks', text: 'It has no acceptance check.', next: 'Name one in the plan.' }],
    passed: 0,
    checks: []
  }
]
