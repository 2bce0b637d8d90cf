/** What works but may not be meant: warnings about a plan without errors. */
import type { ResolvedPlan, ResolvedService } from '../model.ts'
import type { ResolvedObjective } from '../objective.ts'
import { writeDuration, writePercent } from '../quantities.rules.ts'
import { resolveBands } from '../resolve/delivery.rules.ts'
import type { PlanDocument } from '../schema/plan.ts'
import type { Fault, Path } from '../fault.ts'
import { promiseParts } from './names.rules.ts'

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

function remarksOnService(
  service: ResolvedService,
  entry: NonNullable<PlanDocument['services']>[number] | undefined,
  path: Path
): Fault[] {
  if (service.signals.length === 0) {
    return [
      warn(
        [...path, 'name'],
        `${service.name} has no signals: nothing of it can be measured`,
        '`signals` with caddyLog, probe, push or self'
      )
    ]
  }
  const promised = service.objectives.length - (entry?.objectives?.length ?? 0)
  const placeOf = (objective: ResolvedObjective, i: number): Path => {
    if (i >= promised) return [...path, 'objectives', i - promised]
    return entry?.promise
      ? [...path, 'promise', promiseParts.find((part) => part === objective.name) ?? '']
      : [...path, 'name']
  }
  return [
    ...readTwice(service, path),
    ...service.objectives.flatMap((objective, i) => remarksOnObjective(objective, service, placeOf(objective, i)))
  ]
}

/** A file may be read for several services, but twice for one only with filters that tell the lines apart. */
function readTwice({ signals }: ResolvedService, path: Path): Fault[] {
  const seen = new Set<string>()
  return signals.flatMap((signal, i) => {
    if (signal.kind !== 'caddyLog') return []
    const key = JSON.stringify([signal.file, signal.filter])
    if (seen.has(key))
      return [
        warn(
          [...path, 'signals', i],
          'this file is already read for this service: requests count twice',
          'the file once',
          signal.file
        )
      ]
    seen.add(key)
    return []
  })
}

function remarksOnObjective(objective: ResolvedObjective, service: ResolvedService, path: Path): Fault[] {
  const { name, origin, targetRatio } = objective
  const probes = service.signals.filter((signal) => signal.kind === 'probe')
  if (origin === 'probes' && probes.length === 0) {
    return [warn(path, `${name} is judged by probes, and ${service.name} has none`, 'a `probe` among its signals')]
  }
  if (origin === 'requests' && probes.length === service.signals.length) {
    return [
      warn(
        path,
        `${name} is judged by requests, and nothing counts those of ${service.name}`,
        '`from: probes`, or caddyLog, push or self among its signals'
      )
    ]
  }
  const target = writePercent(targetRatio)
  if (targetRatio <= 0.5) {
    const meant =
      objective.indicator === 'errors'
        ? `the share of good requests: ${writePercent(1 - targetRatio)}`
        : 'a target above 50%'
    return [warn(path, `no burn rate is worth an alert when ${target} is enough`, meant, target)]
  }
  return [
    ...looseTarget(objective, path),
    ...tooLittleToSpend(
      objective,
      probes.map(({ everyMs }) => everyMs),
      path
    )
  ]
}

/** Even a burn of 4 would need every other event to be bad: METHODS, "factors above half of the highest burn". */
function looseTarget({ name, targetRatio, thresholdMs }: ResolvedObjective, path: Path): Fault[] {
  const isPercentile = thresholdMs !== null
  if (targetRatio >= 1 - 0.5 / 4 || isPercentile) return []
  return [
    warn(
      path,
      `with a target of ${writePercent(targetRatio)} the alerts of ${name} come late: no failure can burn its budget fast`,
      'at least 87.5%'
    )
  ]
}

/** A budget below one event is gone with the first bad one. */
function tooLittleToSpend(
  { name, origin, window, budgeting, targetRatio }: ResolvedObjective,
  everyMs: readonly number[],
  path: Path
): Fault[] {
  if (window.kind !== 'rolling') return []
  const ofSlices = budgeting.kind === 'timeSlices'
  const perWindow = ofSlices
    ? window.durationMs / budgeting.sliceMs
    : everyMs.reduce((sum, every) => sum + window.durationMs / every, 0)
  const allowed = perWindow * (1 - targetRatio)
  if ((!ofSlices && origin !== 'probes') || allowed >= 1) return []
  const unit = ofSlices ? 'slices' : 'probes'
  const text = `one bad ${unit.slice(0, -1)} spends the whole budget of ${name}: ${writeDuration(window.durationMs)} hold ${Math.floor(perWindow)} ${unit}`
  return [
    warn(
      path,
      text,
      `a target of at most ${writePercent(Math.floor((1 - 1 / perWindow) * 10_000) / 10_000)}, or a longer window`
    )
  ]
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
