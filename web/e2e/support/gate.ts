import type { Backtest, GateRule, GateRuleName, Override, State, Verdict } from '@plimsoll/api/contract'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const iso = (ms: number): string => new Date(ms).toISOString()

const TITLES: Readonly<Record<GateRuleName, string>> = {
  error_budget: 'Error budget left',
  page_alerts: 'No alert that pages',
  load_run: 'Load run of this version',
  load_line: 'Load line',
  previous_release: 'Previous release finished',
  risks: 'Open risks',
  milestones: 'Milestones',
  freeze: 'Freeze',
  dependencies: 'Dependencies',
  external_evidence: 'External evidence'
}

const rule = (name: GateRuleName, given: Partial<GateRule> & Pick<GateRule, 'text'>): GateRule => ({
  rule: name,
  title: TITLES[name],
  state: 'pass',
  onFail: 'block',
  onUnmeasured: 'block',
  limit: null,
  value: null,
  unit: null,
  interval: null,
  samples: null,
  window: null,
  source: null,
  freshAt: null,
  next: null,
  parts: [],
  overriddenBy: null,
  ...given
})

const nothingAsked = (name: GateRuleName): GateRule =>
  rule(name, { text: 'the plan asks nothing of this kind', onFail: 'off', onUnmeasured: 'off' })

const rulesOf = (state: State, atMs: number): GateRule[] => [
  rule('error_budget', {
    state: state === 'fail' ? 'fail' : state === 'could_not_measure' ? 'could_not_measure' : 'pass',
    text:
      state === 'fail'
        ? 'the budget of availability is overspent by 34 %, 10 % are needed'
        : state === 'could_not_measure'
          ? 'availability: nothing has been heard of it for 41 minutes'
          : 'the budget of p95 has 64.1 % left, 10 % are needed',
    limit: 0.1,
    value: state === 'fail' ? -0.34 : state === 'could_not_measure' ? null : 0.641,
    unit: 'ratio',
    samples: 9_720_000,
    window: '30d',
    source: 'objective availability',
    freshAt: iso(atMs - 1_400),
    next:
      state === 'fail'
        ? 'repair what spends the budget, or wait until the window forgives it'
        : state === 'could_not_measure'
          ? 'see that requests of this service are counted'
          : null,
    parts: [
      {
        code: state === 'fail' ? 'objective_fail' : 'objective_pass',
        text: state === 'fail' ? 'availability is overspent by 34 %' : 'availability has 82.4 % left',
        limit: 0.1,
        value: state === 'fail' ? -0.34 : 0.824,
        unit: 'ratio',
        samples: 9_720_000,
        window: '30d'
      }
    ]
  }),
  rule('page_alerts', {
    state: state === 'fail' ? 'fail' : 'pass',
    text: state === 'fail' ? '1 alert that pages is open: Availability burns 21 times too fast' : 'none is open',
    limit: 0,
    value: state === 'fail' ? 1 : 0,
    unit: 'alerts',
    freshAt: iso(atMs - 700)
  }),
  rule('load_run', {
    state: state === 'warn' ? 'not_enough_evidence' : 'pass',
    onUnmeasured: 'warn',
    text:
      state === 'warn'
        ? 'no load run of this version is known'
        : 'run of 24,000 requests passed: p95 102 ms, between 99 ms and 106 ms',
    limit: 200,
    value: state === 'warn' ? null : 102,
    interval: state === 'warn' ? null : [99, 106],
    unit: 'ms',
    samples: state === 'warn' ? null : 24_000,
    next: state === 'warn' ? 'npx plimsoll load run SERVICE --release VERSION' : null
  }),
  rule('load_line', {
    text: '337 /s, 2 % below the reference of 344 /s; 10 % are allowed',
    limit: 0.1,
    value: 0.02,
    unit: 'ratio'
  }),
  rule('previous_release', { text: 'no other version is on its way to production' }),
  rule('risks', { text: 'no open risk is high in impact and probability without a mitigation' }),
  nothingAsked('milestones'),
  nothingAsked('freeze'),
  nothingAsked('dependencies'),
  nothingAsked('external_evidence')
]

/** A verdict as the gate gives it for a service in some state. */
export const aVerdict = (
  {
    id,
    service,
    version,
    environment = 'production',
    state,
    atMs,
    dryRun = false,
    askedBy = 'ci-shop'
  }: {
    readonly id: string
    readonly service: string
    readonly version: string
    readonly environment?: string
    readonly state: State
    readonly atMs: number
    readonly dryRun?: boolean
    readonly askedBy?: string
  },
  overrides: readonly Override[] = []
): Verdict => {
  const rules = rulesOf(state, atMs).map((each) => ({
    ...each,
    overriddenBy: overrides.find((override) => override.rules.includes(each.rule))?.id ?? null
  }))
  const blocked = rules.some((each) => each.overriddenBy === null && ['fail', 'could_not_measure'].includes(each.state))
  const judged = blocked ? state : rules.some((each) => each.state !== 'pass') ? 'warn' : 'pass'
  const mayShip = judged === 'pass' || judged === 'warn'
  const what = `${service} ${version}`
  const because = rules
    .filter((each) => each.state !== 'pass')
    .map(({ text, overriddenBy }) => (overriddenBy === null ? text : `${text} (overridden)`))
    .join('; ')
  return {
    id,
    service,
    version,
    environment,
    dryRun,
    at: iso(atMs),
    state: judged,
    mayShip,
    text:
      judged === 'pass'
        ? `${what} may ship to ${environment}`
        : judged === 'warn'
          ? `${what} may ship to ${environment}, with a warning: ${because}`
          : judged === 'fail'
            ? `${what} may not ship to ${environment}: ${because}`
            : `whether ${what} may ship to ${environment} is not known: ${because}`,
    rules,
    askedBy,
    policySha256: '4be1c0fb6a2ad9e1c3c77a9a54f2c8a0b1d2e3f405162738495a6b7c8d9e0f11',
    evidenceSha256: '9d41f6a07f0be1c3a77c54f2c8a0b1d2e3f4051627384bfb6a2ad9e195a6b7c8',
    keyId: dryRun ? null : 'ed25519-7f3a9c41'
  }
}

/** An override that is over: it changed one verdict, and stays. */
export const pastOverride = (service: string, nowMs: number): Override => ({
  id: 'ovr-past',
  service,
  environment: 'production',
  version: '2026.11.2',
  rules: ['error_budget'],
  reason: 'The budget was spent by the outage of the provider; the release carries the fix for it',
  by: 'anna',
  createdAt: iso(nowMs - 6 * DAY - 2 * HOUR),
  until: iso(nowMs - 6 * DAY + 6 * HOUR),
  revokedAt: null,
  revokedBy: null,
  usedBy: ['v-fail']
})

/** Fourteen releases of the past under a policy; a stricter one stops more of them. */
export const backtestOf = (
  service: string,
  environment: string,
  span: { readonly from: string; readonly to: string },
  strict: boolean
): Backtest => {
  const toMs = Date.parse(span.to)
  const stopped = strict ? [2, 5, 9, 11, 12] : [5, 12]
  const releases = Array.from({ length: 14 }, (_, index): Backtest['releases'][number] => {
    const blocked = stopped.includes(index)
    const atMs = toMs - (14 - index) * 2 * DAY
    return {
      version: `2026.10.${index + 1}`,
      at: iso(atMs),
      state: blocked ? 'fail' : 'pass',
      blocked,
      blockedBy: blocked ? ['error_budget', 'page_alerts'] : [],
      outcome: index === 12 ? 'reverted' : index === 3 ? null : 'promoted',
      rules: rulesOf(blocked ? 'fail' : 'pass', atMs)
    }
  })
  return {
    service,
    environment,
    ...span,
    text: `would have blocked ${stopped.length} of 14 releases`,
    releases
  }
}
