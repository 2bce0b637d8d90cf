/**
 * OpenSLO v1 documents as a Plimsoll plan, as far as both say the same. What has no counterpart is
 * left out with a warning; nothing is guessed that would be measured wrongly.
 *
 * @see https://github.com/OpenSLO/OpenSLO/tree/v1.0.0
 */
import { at, errorAt, isMapping, itemsOf, rootOf, textOf, warningAt, type Place } from '../checks/place.rules.ts'
import { planFormat } from '../schema/plan.ts'
import type { Fault, Path } from '../fault.ts'
import { readIndicator } from './indicator.rules.ts'
import { readBudgeting, readTarget, readWindow } from './promise.rules.ts'

export const openSloVersion = 'openslo/v1'

/** A plan made of documents; the paths of its faults begin with the number of the document. */
export interface OpenSloPlan {
  readonly value: unknown
  readonly faults: readonly Fault[]
  /** Where in the documents a path of `value` comes from. */
  readonly sourceOf: (path: Path) => Path
}

type Entry = Record<string, unknown>

interface Service {
  readonly place: Place
  readonly entry: Entry
  readonly objectives: Entry[]
  readonly sources: Place[]
}

interface Documents {
  readonly services: Map<string, Service>
  readonly indicators: Map<string, Place>
  readonly slos: Place[]
}

/** @param values - of the documents in the order of the file, each with `apiVersion: openslo/v1` or at fault */
export function readOpenSlo(values: readonly unknown[]): OpenSloPlan {
  const faults: Fault[] = []
  const documents: Documents = { services: new Map(), indicators: new Map(), slos: [] }
  for (const place of itemsOf(rootOf(values))) sortIn(place, documents, faults)
  for (const place of documents.slos) readSlo(place, documents, faults)
  const services = [...documents.services.values()]
  return {
    value: { plan: planFormat, services: services.map(({ entry, objectives }) => ({ ...entry, objectives })) },
    faults,
    sourceOf: ([first, i, second, k]) => {
      const service = first === 'services' ? services[Number(i)] : undefined
      const source = second === 'objectives' ? service?.sources[Number(k)] : service?.place
      return source?.path ?? [0]
    }
  }
}

function sortIn(place: Place, { services, indicators, slos }: Documents, faults: Fault[]): void {
  const version = at(place, 'apiVersion')
  const kind = at(place, 'kind')
  const nameAt = at(place, 'metadata', 'name')
  const name = textOf(nameAt)
  if (textOf(version) !== openSloVersion) {
    const expected = `\`apiVersion: ${openSloVersion}\``
    faults.push(errorAt(version, { text: 'every document of the file has to be OpenSLO v1', expected }))
  } else if (name === null) {
    faults.push(errorAt(nameAt, { text: '`metadata.name` is missing', expected: '`metadata: { name: … }`' }))
  } else if (kind.value === 'Service') {
    if (services.has(name)) faults.push(errorAt(nameAt, { text: `another Service is called \`${name}\``, found: name }))
    services.set(name, { place, entry: { name, ...titlesOf(place) }, objectives: [], sources: [] })
  } else if (kind.value === 'SLI') {
    if (indicators.has(name)) faults.push(errorAt(nameAt, { text: `another SLI is called \`${name}\``, found: name }))
    indicators.set(name, place)
  } else if (kind.value === 'SLO') {
    slos.push(place)
  } else {
    const text = `${textOf(kind) ?? 'this kind'} has no counterpart here and is left out`
    faults.push(warningAt(kind, { text, expected: 'Service, SLO or SLI' }))
  }
}

const nameOf = (place: Place): string | null => textOf(at(place, 'metadata', 'name'))

const titlesOf = (place: Place): Entry => {
  const title = textOf(at(place, 'metadata', 'displayName')) ?? ''
  const description = textOf(at(place, 'spec', 'description')) ?? ''
  return { ...(title !== '' && { title }), ...(description !== '' && { description }) }
}

function readSlo(slo: Place, { services, indicators }: Documents, faults: Fault[]): void {
  const spec = at(slo, 'spec')
  const name = textOf(at(spec, 'service'))
  if (name === null) {
    const text = '`spec.service` is missing'
    faults.push(errorAt(at(spec, 'service'), { text, expected: 'the name of a Service' }))
    return
  }
  const service = services.get(name) ?? { place: slo, entry: { name }, objectives: [], sources: [] }
  services.set(name, service)
  if (at(spec, 'alertPolicies').value !== undefined) {
    const text = 'alert policies are left out: every objective has the multi-window burn-rate alerts'
    faults.push(warningAt(at(spec, 'alertPolicies'), { text, expected: '`receivers` of a plan' }, 'key'))
  }
  const window = readWindow(at(spec, 'timeWindow'), faults)
  const objectives = itemsOf(at(spec, 'objectives'))
  if (objectives.length === 0) {
    const text = '`spec.objectives` is empty'
    faults.push(errorAt(at(spec, 'objectives'), { text, expected: 'an objective with a target' }))
  }
  const own = shortName(nameOf(slo) ?? '', name)
  for (const [i, objective] of objectives.entries()) {
    const indicator = readIndicator(indicatorOf(slo, objective, indicators, faults), objective, faults)
    const target = readTarget(objective, faults)
    const budgeting = readBudgeting(slo, objective, faults)
    if (indicator === null || target === null || budgeting === null || window === null) continue
    const title = textOf(at(objective, 'displayName')) ?? ''
    service.objectives.push({
      name: objectives.length === 1 ? own : `${own}-${i + 1}`,
      ...titlesOf(slo),
      ...(title !== '' && { title }),
      ...indicator,
      target,
      window,
      ...budgeting
    })
    service.sources.push(objectives.length === 1 ? slo : objective)
  }
}

/** The indicator of the objective, else of the SLO; written in place or named. */
function indicatorOf(
  slo: Place,
  objective: Place,
  indicators: ReadonlyMap<string, Place>,
  faults: Fault[]
): Place | null {
  for (const holder of [objective, at(slo, 'spec')]) {
    const inPlace = at(holder, 'indicator')
    if (isMapping(inPlace.value)) return inPlace
    const reference = at(holder, 'indicatorRef')
    const name = textOf(reference)
    if (name === null) continue
    const found = indicators.get(name)
    if (!found)
      faults.push(
        errorAt(reference, {
          text: `there is no SLI called \`${name}\``,
          found: name,
          expected: [...indicators.keys()].join(', ') || 'a document of kind SLI'
        })
      )
    return found ?? null
  }
  faults.push(errorAt(slo, { text: 'this SLO has no indicator', expected: '`spec.indicator` or `spec.indicatorRef`' }))
  return null
}

/** SLOs are named across services, objectives within theirs: `shop-api-checkout` is `checkout` of `shop-api`. */
const shortName = (name: string, service: string): string =>
  name.startsWith(`${service}-`) ? name.slice(service.length + 1) : name
