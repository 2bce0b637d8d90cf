/** Names: each once, and every reference leads somewhere. */
import { didYouMean } from '../suggest.rules.ts'
import type { Fault } from '../fault.ts'
import { at, errorAt, has, isMapping, itemsOf, keysOf, oneOrMany, textOf, type Place } from './place.rules.ts'

/** The parts of a promise that become objectives, in the order in which they are shown. */
export const promiseParts = ['availability', 'p50', 'p90', 'p95', 'p99', 'errors'] as const

/** What a service promises that says nothing about it. */
export const builtInPromise = { availability: '99.9%', p95: '200ms', errors: '0.1%' } as const

/** Two things of one name, the second of them at fault. */
export function duplicateNames(root: Place): Fault[] {
  const services = itemsOf(at(root, 'services'))
  return [
    ...twice(services, 'name', 'service'),
    ...services.flatMap((service) => [
      ...twice(itemsOf(at(service, 'signals')), 'name', 'signal of this service'),
      ...objectivesTwice(service, root)
    ]),
    ...twice(itemsOf(at(root, 'risks')), 'id', 'risk'),
    ...twice(itemsOf(at(root, 'milestones')), 'id', 'milestone'),
    ...twice(itemsOf(at(root, 'receivers')), 'name', 'receiver')
  ]
}

function twice(items: readonly Place[], key: string, kind: string): Fault[] {
  const seen = new Set<string>()
  const faults: Fault[] = []
  for (const item of items) {
    const name = textOf(at(item, key))
    if (name !== null && seen.has(name)) {
      const text = `another ${kind} is called \`${name}\``
      faults.push(errorAt(at(item, key), { text, found: name, expected: 'a name of its own' }))
    }
    if (name !== null) seen.add(name)
  }
  return faults
}

/** A promise and an objective in full may both be there, but not both called `p95`. */
function objectivesTwice(service: Place, root: Place): Fault[] {
  const entries = itemsOf(at(service, 'objectives'))
  const promised = new Set(promisedNames(service, root))
  const clashes = entries.filter((entry) => promised.has(textOf(at(entry, 'name')) ?? ''))
  return [
    ...twice(entries, 'name', 'objective of this service'),
    ...clashes.map((entry) => {
      const name = textOf(at(entry, 'name')) ?? ''
      const expected = `another name, or \`promise\` without \`${name}\``
      return errorAt(at(entry, 'name'), {
        text: `the promise already makes an objective called \`${name}\``,
        found: name,
        expected
      })
    })
  ]
}

/** Names of the objectives that come of a service's promise, its own or the default. */
function promisedNames(service: Place, root: Place): string[] {
  const own = at(service, 'promise')
  const given = at(root, 'defaults', 'promise')
  const names = (promise: Place): string[] => promiseParts.filter((part) => has(promise, part))
  if (own.value !== undefined) return names(own)
  if (has(service, 'objectives')) return []
  return isMapping(given.value) ? names(given) : Object.keys(builtInPromise)
}

/** Objectives by service, as far as names were written. */
function objectiveNames(root: Place): Map<string, readonly string[]> {
  return new Map(
    itemsOf(at(root, 'services')).map((service) => {
      const inFull = itemsOf(at(service, 'objectives')).map((entry) => textOf(at(entry, 'name')))
      return [
        textOf(at(service, 'name')) ?? '',
        [...promisedNames(service, root), ...inFull.filter((name) => name !== null)]
      ]
    })
  )
}

/** References to services and objectives that are not in this plan. */
export function brokenReferences(root: Place): Fault[] {
  const objectives = objectiveNames(root)
  const services = [...objectives.keys()].filter(Boolean)
  const named = [
    ...itemsOf(at(root, 'maintenance')).flatMap((band) => oneOrMany(at(band, 'service'))),
    ...itemsOf(at(root, 'receivers')).flatMap((receiver) => itemsOf(at(receiver, 'services')))
  ]
  const checks = itemsOf(at(root, 'milestones')).flatMap((milestone) => itemsOf(at(milestone, 'acceptance')))
  const policies = [
    at(root, 'defaults', 'gate'),
    ...itemsOf(at(root, 'services')).map((one) => at(one, 'gate'))
  ].flatMap((gate) => [gate, ...keysOf(at(gate, 'environments')).map((name) => at(gate, 'environments', name))])
  const milestones = itemsOf(at(root, 'milestones')).flatMap((one) => textOf(at(one, 'id')) ?? [])
  const required = policies.flatMap((policy) => itemsOf(at(policy, 'milestones')))
  const dependencies = policies
    .flatMap((policy) => itemsOf(at(policy, 'dependencies')))
    .filter((place) => !textOf(place)?.includes(':'))
  return [
    ...required.flatMap((place) => unknownName(place, textOf(place), 'milestone', milestones)),
    ...[...named, ...dependencies].flatMap((place) => unknownName(place, textOf(place), 'service', services)),
    ...checks.flatMap((check) => brokenObjective(at(check, 'objective'), objectives, services))
  ]
}

function brokenObjective(
  place: Place,
  objectives: ReadonlyMap<string, readonly string[]>,
  services: readonly string[]
): Fault[] {
  const short = textOf(place)?.split('/')
  const service = short ? short[0] : textOf(at(place, 'service'))
  const objective = short ? short[1] : textOf(at(place, 'objective'))
  if (typeof service !== 'string' || typeof objective !== 'string') return []
  const inService = objectives.get(service)
  if (inService === undefined) return unknownName(short ? place : at(place, 'service'), service, 'service', services)
  return unknownName(short ? place : at(place, 'objective'), objective, `objective of ${service}`, inService)
}

function unknownName(place: Place, name: string | null, kind: string, known: readonly string[]): Fault[] {
  if (name === null || known.includes(name)) return []
  const meant = didYouMean(name, known)
  const text = `there is no ${kind} called \`${name}\``
  const listed =
    known.length === 0 ? `a plan with a ${kind}` : known.slice(0, 10).join(', ') + (known.length > 10 ? ', …' : '')
  return [
    errorAt(place, {
      text: meant === null ? text : `${text}: did you mean \`${meant}\`?`,
      found: name,
      expected: meant ?? listed
    })
  ]
}
