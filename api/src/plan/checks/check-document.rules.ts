import type { Fault } from '../fault.ts'
import { checkDelivery } from './delivery.rules.ts'
import { brokenReferences, duplicateNames } from './names.rules.ts'
import { rootOf } from './place.rules.ts'
import { checkServices } from './services.rules.ts'

/** Every fault across a document that a schema cannot see; runs on documents that have other faults, too. */
export function checkDocument(value: unknown): Fault[] {
  const root = rootOf(value)
  return [...duplicateNames(root), ...brokenReferences(root), ...checkServices(root), ...checkDelivery(root)]
}
