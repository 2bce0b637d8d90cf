import { stringify } from 'yaml'
import type { ResolvedPlan, ResolvedService } from '../model.ts'
import type { ResolvedObjective, ResolvedWindow } from '../objective.ts'
import { writeDuration } from '../quantities.rules.ts'
import { ownSource } from './indicator.rules.ts'
import { openSloVersion } from './read.rules.ts'

/**
 * A plan as OpenSLO v1 documents: its services and objectives. The rest has no counterpart; a
 * comment at the top lists what is left out. Reading the text gives the same objectives again.
 */
export function writeOpenSlo(plan: ResolvedPlan): string {
  const documents = plan.services.flatMap((service) => [
    document('Service', service.name, service.title, { description: service.description ?? '' }),
    ...service.objectives.map((objective) => toSlo(objective))
  ])
  const head = ['OpenSLO v1, written by Plimsoll.', ...leftOut(plan)].map((line) => `# ${line}\n`).join('')
  return (
    head + documents.map((entry) => `---\n${stringify(entry, { lineWidth: 0, aliasDuplicateObjects: false })}`).join('')
  )
}

const document = (kind: string, name: string, displayName: string, spec: object) => ({
  apiVersion: openSloVersion,
  kind,
  metadata: { name, displayName },
  spec
})

function toSlo(objective: ResolvedObjective) {
  const { service, name, title, description, budgeting, targetRatio, thresholdMs } = objective
  return document('SLO', `${service}-${name}`, title, {
    description: description ?? '',
    service,
    indicator: { metadata: { name: `${service}-${name}` }, spec: toIndicator(objective) },
    timeWindow: [toTimeWindow(objective.window)],
    budgetingMethod: budgeting.kind === 'requests' ? 'Occurrences' : 'Timeslices',
    objectives: [
      {
        ...(thresholdMs !== null && { op: 'lte', value: thresholdMs }),
        target: targetRatio,
        ...(budgeting.kind === 'timeSlices' && {
          timeSliceTarget: budgeting.sliceTargetRatio,
          timeSliceWindow: writeDuration(budgeting.sliceMs)
        })
      }
    ]
  })
}

function toIndicator({ indicator, path, classes, origin, thresholdMs }: ResolvedObjective) {
  const spec = { indicator, ...(path !== null && { path }), class: [...classes], from: origin }
  const source = (extra: object) => ({ metricSource: { type: ownSource, spec: { ...spec, ...extra } } })
  if (thresholdMs !== null) return { thresholdMetric: source({ unit: 'ms' }) }
  return { ratioMetric: { counter: true, good: source({ events: 'good' }), total: source({ events: 'all' }) } }
}

const calendarWindows = {
  week: { duration: '1w', startTime: '2026-01-05 00:00:00' },
  month: { duration: '1M', startTime: '2026-01-01 00:00:00' },
  quarter: { duration: '1Q', startTime: '2026-01-01 00:00:00' }
} as const

function toTimeWindow(window: ResolvedWindow) {
  if (window.kind === 'rolling') return { duration: writeDuration(window.durationMs), isRolling: true }
  const { duration, startTime } = calendarWindows[window.unit]
  return { duration, isRolling: false, calendar: { startTime, timeZone: window.timeZone } }
}

function leftOut(plan: ResolvedPlan): string[] {
  const count = (of: (service: ResolvedService) => number): number =>
    plan.services.reduce((sum, service) => sum + of(service), 0)
  const parts: readonly (readonly [number, string])[] = [
    [count(({ signals }) => signals.length), 'signals'],
    [count(({ load }) => (load ? 1 : 0)), 'load tests'],
    [plan.services.length, 'gates'],
    [plan.maintenance.length, 'maintenance bands'],
    [plan.risks.length, 'risks'],
    [plan.milestones.length, 'milestones'],
    [plan.receivers.length, 'receivers']
  ]
  const lost = parts.filter(([n]) => n > 0).map(([n, what]) => `${n} ${what}`)
  return lost.length === 0 ? [] : [`Left out, for OpenSLO has no counterpart: ${lost.join(', ')}.`]
}
