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

/** @param documents - values in the order of the file, each of them with `apiVersion: openslo/v1` or at fault */
export function readOpenSlo(documents: readonly unknown[]): OpenSloPlan {
  const places = itemsOf(rootOf(documents))
  const faults: Fault[] = []
  const services = new Map<string, Service>()
  const indicators = new Map<string, Place>()
  const known: Place[] = []
  for (const place of places) {
    const kind = textOf(at(place, 'kind'))
    const name = nameOf(place)
    if (textOf(at(place, 'apiVersion')) !== openSloVersion) {
      faults.push(
        errorAt(at(place, 'apiVersion'), {
          text: 'every document of the file has to be OpenSLO v1',
          expected: `\`apiVersion: ${openSloVersion}\``
        })
      )
    } else if (name === null) {
      faults.push(
        errorAt(at(place, 'metadata', 'name'), {
          text: '`metadata.name` is missing',
          expected: '`metadata: { name: … }`'
        })
      )
    } else if (kind === 'Service') services.set(name, serviceOf(place, name))
    else if (kind === 'SLI') indicators.set(name, place)
    else if (kind === 'SLO') known.push(place)
    else
      faults.push(
        warningAt(at(place, 'kind'), {
          text: `${kind ?? 'this kind'} has no counterpart here and is left out`,
          found: kind ?? undefined,
          expected: 'Service, SLO or SLI'
        })
      )
  }
  for (const place of known) readSlo(place, services, indicators, faults)
  const all = [...services.values()]
  return {
    value: { plan: planFormat, services: all.map(({ entry, objectives }) => ({ ...entry, objectives })) },
    faults,
    sourceOf: ([first, i, second, k]) => {
      const service = first === 'services' ? all[Number(i)] : undefined
      const source = second === 'objectives' ? service?.sources[Number(k)] : service?.place
      return source?.path ?? [0]
    }
  }
}

const nameOf = (place: Place): string | null => textOf(at(place, 'metadata', 'name'))

const titlesOf = (place: Place): Entry => {
  const title = textOf(at(place, 'metadata', 'displayName'))
  const description = textOf(at(place, 'spec', 'description'))
  return {
    ...(title !== null && title !== '' && { title }),
    ...(description !== null && description !== '' && { description })
  }
}

const serviceOf = (place: Place, name: string): Service => ({
  place,
  entry: { name, ...titlesOf(place) },
  objectives: [],
  sources: []
})

function readSlo(
  slo: Place,
  services: Map<string, Service>,
  indicators: ReadonlyMap<string, Place>,
  faults: Fault[]
): void {
  const name = textOf(at(slo, 'spec', 'service'))
  if (name === null) {
    faults.push(
      errorAt(at(slo, 'spec', 'service'), { text: '`spec.service` is missing', expected: 'the name of a Service' })
    )
    return
  }
  const service = services.get(name) ?? serviceOf(slo, name)
  services.set(name, service)
  const window = readWindow(at(slo, 'spec', 'timeWindow'), faults)
  const objectives = itemsOf(at(slo, 'spec', 'objectives'))
  if (objectives.length === 0)
    faults.push(
      errorAt(at(slo, 'spec', 'objectives'), {
        text: '`spec.objectives` is empty',
        expected: 'an objective with a target'
      })
    )
  if (at(slo, 'spec', 'alertPolicies').value !== undefined) {
    faults.push(
      warningAt(
        at(slo, 'spec', 'alertPolicies'),
        {
          text: 'alert policies are left out: every objective has the multi-window burn-rate alerts',
          expected: '`receivers` of a plan'
        },
        'key'
      )
    )
  }
  for (const [i, objective] of objectives.entries()) {
    const indicator = readIndicator(indicatorOf(slo, objective, indicators, faults), objective, faults)
    const target = readTarget(objective, faults)
    const budgeting = readBudgeting(slo, objective, faults)
    if (indicator === null || target === null || budgeting === null || window === null) continue
    const title = textOf(at(objective, 'displayName'))
    const own = shortName(nameOf(slo) ?? '', name)
    service.objectives.push({
      name: objectives.length === 1 ? own : `${own}-${i + 1}`,
      ...titlesOf(slo),
      ...(title !== null && title !== '' && { title }),
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
