/** Values of a document that has been checked: what cannot be read here is a defect of the checks. */
import { readDuration, readInstant, readPercent } from '../quantities.rules.ts'

export const durationMs = (text: string): number => checked(readDuration(text), text)

export const ratioOf = (text: string): number => checked(readPercent(text), text)

export const instantMs = (text: string): number => checked(readInstant(text), text)

export const listOf = <T>(value: T | readonly T[] | undefined): T[] => {
  if (value === undefined) return []
  return Array.isArray(value) ? [...(value as readonly T[])] : [value as T]
}

function checked(value: number | null, text: string): number {
  if (value === null) throw new TypeError(`"${text}" passed the checks and cannot be read`)
  return value
}
