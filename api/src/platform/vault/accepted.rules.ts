import type { HeldSecret, Values } from './secret-values.ts'

/**
 * The values of one setting that are accepted at a moment: the one in force first, then those it
 * replaced, newest first, each once. Empty values are none.
 *
 * @param inForce - value of the setting now
 * @param name - of the setting
 * @param nowMs - Unix time, ms
 */
export function acceptedValues(inForce: string, name: string, held: HeldSecret, nowMs: number): string[] {
  const older = held.replaced.filter(({ untilMs }) => nowMs < untilMs).map(({ values }) => values[name] ?? '')
  return [...new Set([inForce, ...older])].filter((value) => value !== '')
}

/**
 * Names of the settings that are another or are accepted otherwise than before.
 *
 * @param before - what was in force at its time
 * @param after - what is to be
 */
export function changedNames(before: Moment, after: Moment): Set<string> {
  const names = new Set([before, after].flatMap(({ held, settings }) => namesOf(held, settings)))
  return new Set([...names].filter((name) => textOf(before, name) !== textOf(after, name)))
}

/** Settings at a moment, with what is accepted beside them. */
export interface Moment {
  readonly held: HeldSecret
  /** Settings by name, as text. */
  readonly settings: Values
  /** Unix time, ms. */
  readonly nowMs: number
}

const namesOf = (held: HeldSecret, settings: Values): string[] =>
  [settings, held.values, ...held.replaced.map(({ values }) => values)].flatMap((values) => Object.keys(values))

const textOf = ({ held, settings, nowMs }: Moment, name: string): string =>
  JSON.stringify(acceptedValues(settings[name] ?? '', name, held, nowMs))
