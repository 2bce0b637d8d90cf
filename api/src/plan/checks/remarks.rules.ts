/** What works but may not be meant: warnings about a plan without errors. */
import type { ProbeSignal, ResolvedPlan, ResolvedService } from '../model.ts'
import type { ResolvedObjective } from '../objective.ts'
import { complement, writeDuration, writePercent } from '../quantities.rules.ts'
import { resolveBands } from '../resolve/delivery.rules.ts'
import type { PlanDocument } from '../schema/plan.ts'
import type { Fault, Path } from '../fault.ts'

/**
 * @param document - what the plan was resolved from, for the places
 */
export function remarksOn(plan: ResolvedPlan, document: PlanDocument): Fault[] {
  const remarks = remarksOnMilestones(plan)
  if (plan.services.length === 0) {
    return [warn([], 'nothing is watched', '`services: [ { name: shop, signals: [ … ] } ]`'), ...remarks]
  }
  return [
    ...plan.services.flatMap((service, i) => remarksOnService(service, document.services?.[i], ['services', i])),
    ...overlaps(document),
    ...remarks
  ]
}

const warn = (path: Path, text: string, expected?: string, found?: string): Fault => ({
  path,
  at: 'value',
  severity: 'warning',
  text,
  ...(found !== undefined && { found }),
  ...(expected !== undefined && { expected })
})

type ServiceEntry = NonNullable<PlanDocument['services']>[number]

function remarksOnService(service: ResolvedService, entry: ServiceEntry | undefined, path: Path): Fault[] {
  if (service.signals.length === 0) {
    const text = `${service.name} has no signals: nothing of it can be measured`
    return [warn([...path, 'name'], text, '`signals` with caddyLog, probe, push or self')]
  }
  const promised = service.objectives.length - (entry?.objectives?.length ?? 0)
  const placeOf = ({ name }: ResolvedObjective, i: number): Path => {
    if (i >= promised) return [...path, 'objectives', i - promised]
    return entry?.promise ? [...path, 'promise', name] : [...path, 'name']
  }
  return [
    ...readTwice(service, path),
    ...service.objectives.flatMap((objective, i) => remarksOnObjective(objective, service, placeOf(objective, i)))
  ]
}

/** A file may be read for several services, but twice for one only with filters that tell the lines apart. */
function readTwice({ signals }: ResolvedService, path: Path): Fault[] {
  const text = 'this file is already read for this service: requests count twice'
  const seen = new Set<string>()
  return signals.flatMap((signal, i) => {
    if (signal.kind !== 'caddyLog') return []
    const key = JSON.stringify([signal.file, signal.filter])
    if (seen.has(key)) return [warn([...path, 'signals', i], text, 'the file once', signal.file)]
    seen.add(key)
    return []
  })
}

function remarksOnObjective(objective: ResolvedObjective, service: ResolvedService, path: Path): Fault[] {
  const { name, origin } = objective
  const probes = service.signals.filter((signal) => signal.kind === 'probe')
  if (origin === 'probes' && probes.length === 0) {
    return [warn(path, `${name} is judged by probes, and ${service.name} has none`, 'a `probe` among its signals')]
  }
  if (origin === 'requests' && probes.length === service.signals.length) {
    const text = `${name} is judged by requests, and nothing counts those of ${service.name}`
    return [warn(path, text, '`from: probes`, or caddyLog, push or self among its signals')]
  }
  const perWindow = countedPerWindow(objective, probes)
  return [...looseTarget(objective, path), ...spentAtOnce(objective, perWindow, path)]
}

/**
 * A burn rate is at most 1 / budget. With half of that as the highest factor worth an alert, a
 * target of 50 % leaves none, and below 87.5 % none above 4.
 *
 * @see Site Reliability Workbook, chapter 5
 */
function looseTarget({ name, indicator, targetRatio, thresholdMs }: ResolvedObjective, path: Path): Fault[] {
  const target = writePercent(targetRatio)
  if (targetRatio <= 0.5) {
    const good = `the share of good requests: ${writePercent(complement(targetRatio))}`
    const meant = indicator === 'errors' ? good : 'a target above 50%'
    return [warn(path, `no burn rate is worth an alert when ${target} is enough`, meant, target)]
  }
  if (targetRatio >= 0.875 || thresholdMs !== null) return []
  const text = `with a target of ${target} the alerts of ${name} come late: no failure can burn its budget fast`
  return [warn(path, text, 'at least 87.5%')]
}

interface Counted {
  readonly unit: 'slice' | 'probe'
  readonly perWindow: number
}

/** How many slices or probes a window holds; null where traffic decides. */
function countedPerWindow(
  { origin, window, budgeting }: ResolvedObjective,
  probes: readonly ProbeSignal[]
): Counted | null {
  if (window.kind !== 'rolling') return null
  const { durationMs } = window
  if (budgeting.kind === 'timeSlices') return { unit: 'slice', perWindow: durationMs / budgeting.sliceMs }
  if (origin !== 'probes') return null
  return { unit: 'probe', perWindow: probes.reduce((sum, { everyMs }) => sum + durationMs / everyMs, 0) }
}

/** A budget below one event is gone with the first bad one. */
function spentAtOnce({ name, window, targetRatio }: ResolvedObjective, counted: Counted | null, path: Path): Fault[] {
  if (counted === null || window.kind !== 'rolling' || counted.perWindow * (1 - targetRatio) >= 1) return []
  const { unit, perWindow } = counted
  const holds = `${writeDuration(window.durationMs)} hold ${Math.floor(perWindow)} ${unit}s`
  const most = writePercent(Math.floor((1 - 1 / perWindow) * 10_000) / 10_000)
  const text = `one bad ${unit} spends the whole budget of ${name}: ${holds}`
  return [warn(path, text, `a target of at most ${most}, or a longer window`)]
}

/** Two bands that share time and a service, the later of them named. */
function overlaps({ maintenance = [] }: PlanDocument): Fault[] {
  const bands = maintenance.flatMap((entry, i) => resolveBands(entry).map((band) => ({ ...band, i })))
  const latest = new Map<string | null, (typeof bands)[number]>()
  let latestOfAll: (typeof bands)[number] | undefined
  const found = new Map<number, Fault>()
  for (const band of bands.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const rivals = band.service === null ? [latestOfAll] : [latest.get(band.service), latest.get(null)]
    const rival = rivals.find((other) => other && other.i !== band.i && other.toMs > band.fromMs)
    if (rival) {
      const text = `this band overlaps "${rival.reason}": the time they share counts once`
      found.set(band.i, warn(['maintenance', band.i], text, 'bands that do not overlap'))
    }
    if (band.toMs > (latest.get(band.service)?.toMs ?? 0)) latest.set(band.service, band)
    if (band.toMs > (latestOfAll?.toMs ?? 0)) latestOfAll = band
  }
  return [...found.values()]
}

function remarksOnMilestones({ milestones }: ResolvedPlan): Fault[] {
  return milestones.flatMap(({ id, acceptance }, i) => {
    const path = ['milestones', i]
    if (acceptance.length === 0)
      return [warn([...path, 'id'], `nothing shows whether ${id} is reached`, '`acceptance` with a check', id)]
    return acceptance.flatMap(({ everyMs, evidenceMs }, k) => {
      if (evidenceMs >= everyMs) return []
      const text = `this evidence expires after ${writeDuration(evidenceMs)}, before the next check comes`
      return [warn([...path, 'acceptance', k], text, `\`every: ${writeDuration(evidenceMs)}\` or less`)]
    })
  })
}
