import { checkGate } from './checks/services.rules.ts'
import { rootOf } from './checks/place.rules.ts'
import type { Fault } from './fault.ts'
import type { ResolvedGate } from './model.ts'
import { resolveGate } from './resolve/gate.rules.ts'
import { Gate, type GateEntry } from './schema/gate.ts'
import { validate } from './validate.rules.ts'

export type ParsedGate =
  | { readonly gate: ResolvedGate; readonly faults: readonly [] }
  | { readonly gate: null; readonly faults: readonly Fault[] }

/** Reads what may stand under `gate:` of a service, by itself: names of milestones and services are not looked up. */
export function parseGate(input: unknown): ParsedGate {
  const { value, faults } = validate(Gate, input)
  const found = [...faults, ...checkGate(rootOf(value))]
  return found.length > 0 ? { gate: null, faults: found } : { gate: resolveGate(value as GateEntry), faults: [] }
}
