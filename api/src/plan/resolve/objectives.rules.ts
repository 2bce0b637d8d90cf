import { builtInPromise, promiseParts } from '../checks/names.rules.ts'
import type { ObjectiveClass, Origin, ResolvedObjective, ResolvedWindow } from '../objective.ts'
import { complement, writeDuration, writePercent } from '../quantities.rules.ts'
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
    budgeting: { kind: 'requests' },
    window: resolveWindow(promise.window ?? common.window)
  } as const
  return promiseParts.flatMap((name): ResolvedObjective[] => {
    const value = promise[name]
    return value === undefined ? [] : [{ ...shared, name, ...judged(name, value) }]
  })
}

type Judged = Pick<ResolvedObjective, 'title' | 'indicator' | 'thresholdMs' | 'targetRatio'>

function judged(name: (typeof promiseParts)[number], value: string): Judged {
  if (name === 'availability' || name === 'errors') {
    const ratio = ratioOf(value)
    const percent = writePercent(ratio)
    return name === 'errors'
      ? { title: `Errors under ${percent}`, indicator: 'errors', thresholdMs: null, targetRatio: complement(ratio) }
      : { title: `Availability ${percent}`, indicator: 'availability', thresholdMs: null, targetRatio: ratio }
  }
  const thresholdMs = durationMs(value)
  const targetRatio = ratioOf(`${name.slice(1)}%`)
  return { title: `${name} under ${writeDuration(thresholdMs)}`, indicator: 'latency', thresholdMs, targetRatio }
}

function inFull(entry: ObjectiveEntry, common: Common): ResolvedObjective {
  const origin = entry.from ?? common.from
  const targetRatio = ratioOf(entry.target)
  const thresholdMs = entry.threshold === undefined ? null : durationMs(entry.threshold)
  const slices = typeof entry.budgeting === 'object' ? entry.budgeting.timeSlices : null
  return {
    service: common.service,
    name: entry.name,
    title: entry.title ?? titleOf(entry, targetRatio, thresholdMs),
    description: entry.description ?? null,
    indicator: entry.indicator,
    origin,
    classes: entry.class === undefined ? classesOf(origin) : [...new Set(listOf(entry.class))],
    path: entry.path ?? null,
    thresholdMs,
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

function titleOf({ indicator, path }: ObjectiveEntry, targetRatio: number, thresholdMs: number | null): string {
  const where = path === undefined ? '' : ` on ${path}`
  const target = writePercent(targetRatio)
  if (thresholdMs !== null) return `${target} under ${writeDuration(thresholdMs)}${where}`
  return indicator === 'availability' ? `Availability ${target}${where}` : `${target} without errors${where}`
}

function resolveWindow(window: Window): ResolvedWindow {
  if (typeof window === 'object') return { kind: 'calendar', unit: window.calendar, timeZone: window.timeZone ?? 'UTC' }
  if (window === 'week' || window === 'month' || window === 'quarter')
    return { kind: 'calendar', unit: window, timeZone: 'UTC' }
  return { kind: 'rolling', durationMs: durationMs(window) }
}
