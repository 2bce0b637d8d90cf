import type { Cancel } from './clock.ts'
import type { Settings } from './settings.ts'

/** Settings whose values are told by a name. */
export type TextSetting = {
  [Name in keyof Settings]: Settings[Name] extends string ? Name : never
}[keyof Settings]

export interface SecretsChange {
  /** Names of the settings of which the value, or what is accepted beside it, is another now. */
  readonly changed: ReadonlySet<string>
}

/** Called after a change is in force. When it throws, it is called again at the next refresh. */
export type SecretsListener = (change: SecretsChange) => void | Promise<void>

/** Settings that may change while the process runs, because a secret was rotated. */
export interface Secrets {
  /** What is in force now. Read secrets here when they are used; `app.settings` is what was so at the start. */
  readonly settings: Settings
  /**
   * Every value that is accepted now: the one in force first, then those it replaced a short while
   * ago, newest first. Empty when the setting is.
   */
  accepted(name: TextSetting): readonly string[]
  onChange(listener: SecretsListener): Cancel
}

/** Secrets of an environment: they change with a restart. */
export const fixedSecrets = (settings: Settings): Secrets => ({
  settings,
  accepted: (name) => (settings[name] === '' ? [] : [settings[name]]),
  onChange: () => () => {}
})
