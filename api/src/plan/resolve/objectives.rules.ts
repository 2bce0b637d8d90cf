import { builtInPromise, promiseParts } from '../checks/names.rules.ts'
import type { ObjectiveClass, Origin, ResolvedObjective, ResolvedWindow } from '../objective.ts'
import { complement } from '../quantities.rules.ts'
import type { PlanDocument } from '../schema/plan.ts'
import type { ObjectiveEntry, Promised, ServiceEntry, Window } from '../schema/services.ts'
import { durationMs, listOf, ratioOf } from './values.rules.ts'

const builtInWindow = '30d'

type Defaults = NonNullable<PlanDocument['defaults']>

/**
 * The objectives of a service: those of its promise (or of the default promise, when it says
 * nothing of what it promises), then those in full.
 */
export function resolveObjectives(service: ServiceEntry, defaults: Defaults): ResolvedObjective[] {
  const common = { service: service.name, window: defaults.window ?? builtInWindow, from: originOf(service) }
  const promise = service.promise ?? (service.objectives ? null : (defaults.promise ?? builtInPromise))
  return [
    ...(promise ? promised(promise, common) : []),
    ...(service.objectives ?? []).map((objective) => inFull(objective, common))
  ]
}

interface Common {
  readonly service: string
  readonly window: Window
  readonly from: Origin
}

/** Requests where anything counts them; a service that is only probed is judged by its probes. */
const originOf = ({ signals = [] }: ServiceEntry): Origin =>
  signals.length > 0 && signals.every((signal) => typeof signal === 'object' && signal.probe !== undefined)
    ? 'probes'
    : 'requests'

const classesOf = (origin: Origin): ObjectiveClass[] => [origin === 'probes' ? 'synthetic' : 'user']

function promised(promise: Promised, common: Common): ResolvedObjective[] {
  const origin = promise.from ?? common.from
  const shared = {
    service: common.service,
    description: null,
    origin,
    classes: classesOf(origin),
    path: null,
    thresholdMs: null,
    budgeting: { kind: 'requests' },
    window: resolveWindow(promise.window ?? common.window)
  } as const
  const objectives: ResolvedObjective[] = []
  for (const name of promiseParts) {
    const value = promise[name]
    if (value === undefined) continue
    if (name === 'availability') {
      objectives.push({
        ...shared,
        name,
        title: `Availability ${value}`,
        indicator: 'availability',
        targetRatio: ratioOf(value)
      })
    } else if (name === 'errors') {
      objectives.push({
        ...shared,
        name,
        title: `Errors under ${value}`,
        indicator: 'errors',
        targetRatio: complement(ratioOf(value))
      })
    } else {
      const targetRatio = ratioOf(`${name.slice(1)}%`)
      objectives.push({
        ...shared,
        name,
        title: `${name} under ${value}`,
        indicator: 'latency',
        thresholdMs: durationMs(value),
        targetRatio
      })
    }
  }
  return objectives
}

function inFull(entry: ObjectiveEntry, common: Common): ResolvedObjective {
  const origin = entry.from ?? common.from
  const targetRatio = ratioOf(entry.target)
  const slices = typeof entry.budgeting === 'object' ? entry.budgeting.timeSlices : null
  return {
    service: common.service,
    name: entry.name,
    title: entry.title ?? titleOf(entry),
    description: entry.description ?? null,
    indicator: entry.indicator,
    origin,
    classes: entry.class === undefined ? classesOf(origin) : [...new Set(listOf(entry.class))],
    path: entry.path ?? null,
    thresholdMs: entry.threshold === undefined ? null : durationMs(entry.threshold),
    targetRatio,
    budgeting: slices
      ? {
          kind: 'timeSlices',
          sliceMs: durationMs(slices.every ?? '1m'),
          sliceTargetRatio: slices.target === undefined ? targetRatio : ratioOf(slices.target)
        }
      : { kind: 'requests' },
    window: resolveWindow(entry.window ?? common.window)
  }
}

function titleOf({ indicator, target, threshold, path }: ObjectiveEntry): string {
  const where = path === undefined ? '' : ` on ${path}`
  if (indicator === 'latency') return `${target} under ${threshold}${where}`
  return indicator === 'availability' ? `Availability ${target}${where}` : `${target} without errors${where}`
}

export function resolveWindow(window: Window): ResolvedWindow {
  if (typeof window === 'object') return { kind: 'calendar', unit: window.calendar, timeZone: window.timeZone ?? 'UTC' }
  if (window === 'week' || window === 'month' || window === 'quarter')
    return { kind: 'calendar', unit: window, timeZone: 'UTC' }
  return { kind: 'rolling', durationMs: durationMs(window) }
}
