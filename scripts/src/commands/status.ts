import type { Objective } from '../../../api/src/contract/objectives.ts'
import type { ServiceSummary } from '../../../api/src/contract/services.ts'
import { command, type Context } from '../cli/command.ts'
import { count, milliseconds, percent, perSecond, times } from '../cli/format.rules.ts'
import type { Output } from '../cli/output.ts'
import { table, type Column } from '../cli/table.rules.ts'
import { exitOf, stateTones, stateWords } from '../cli/verdict.rules.ts'
import type { State } from '../../../api/src/contract/primitives.ts'

export const status = command({
  noun: 'status',
  verb: null,
  summary: 'whether the promises hold: states, budget left, burn',
  operands: [{ name: 'SERVICE', description: 'one service with all its objectives and reasons', optional: true }],
  options: {},
  examples: ['plimsoll status', 'plimsoll status shop-api', 'plimsoll status --json | jq .services[].state'],
  exits: {
    0: 'every promise holds (pass or warn)',
    1: 'a promise is broken',
    2: 'a promise could not be judged, or Plimsoll could not be asked'
  },
  async run({ operands: [service] }, context) {
    return service === undefined ? overview(context) : one(service, context)
  }
})

async function overview({ call, output, signal }: Context) {
  const reply = await call('GET /api/v1/services', { signal })
  const { services } = reply
  const lines =
    services.length === 0
      ? ['The plan names no service yet. Add one to plan.yaml, then: plimsoll plan apply plan.yaml']
      : table(services, overviewColumns(output))
  output.result(reply, lines)
  return exitOf(services.map((s) => s.state))
}

async function one(service: string, { call, output, signal }: Context) {
  const params = { service }
  const [detail, { objectives }] = await Promise.all([
    call('GET /api/v1/services/{service}', { params, signal }),
    call('GET /api/v1/services/{service}/objectives', { params, signal })
  ])
  const open = detail.openAlerts.page + detail.openAlerts.ticket + detail.openAlerts.notice
  output.result({ service: detail, objectives }, [
    `${detail.name}: ${show(output, detail.state)}, ${perSecond(detail.traffic.ratePerS)}, ${open} open alerts`,
    ...detail.reasons.map((reason) => `  ${reason.text}`),
    '',
    ...table(objectives, objectiveColumns(output)),
    ...objectives.flatMap((o) => ['', `${o.name}: ${o.forecast.text}`, ...o.reasons.map((r) => `  ${r.text}`)])
  ])
  return exitOf([detail.state])
}

const show = (output: Output, state: State): string => output.tone(stateTones[state], stateWords[state])

/** The fastest burn among the objectives of a service. */
const burnOf = (service: ServiceSummary): number | null => {
  const rates = service.objectives.map((o) => o.burnRate).filter((rate) => rate !== null)
  return rates.length === 0 ? null : Math.max(...rates)
}

const overviewColumns = (output: Output): readonly Column<ServiceSummary>[] => [
  { title: 'SERVICE', cell: (s) => s.name },
  { title: 'STATE', cell: (s) => show(output, s.state) },
  { title: 'BUDGET LEFT', right: true, cell: (s) => percent(s.remainingRatio, 1) },
  { title: 'BURN 1H', right: true, cell: (s) => times(burnOf(s)) },
  { title: 'P95', right: true, cell: (s) => milliseconds(s.traffic.p95Ms) },
  { title: 'TRAFFIC', right: true, cell: (s) => perSecond(s.traffic.ratePerS) },
  { title: 'ALERTS', right: true, cell: (s) => count(s.openAlerts.page + s.openAlerts.ticket + s.openAlerts.notice) }
]

const objectiveColumns = (output: Output): readonly Column<Objective>[] => [
  { title: 'OBJECTIVE', cell: (o) => o.name },
  { title: 'STATE', cell: (o) => show(output, o.state) },
  { title: 'TARGET', right: true, cell: (o) => percent(o.targetRatio, 4) },
  { title: 'WINDOW', cell: (o) => o.window.name },
  { title: 'BUDGET LEFT', right: true, cell: (o) => percent(o.budget.remainingRatio, 1) },
  { title: 'BURN 1H', right: true, cell: (o) => times(o.burn.find((b) => b.windowMs === 3_600_000)?.rate) },
  { title: 'BAD', right: true, cell: (o) => count(o.bad) },
  { title: 'TOTAL', right: true, cell: (o) => count(o.total) },
  { title: 'COVERAGE', right: true, cell: (o) => percent(o.coverageRatio, 1) }
]
