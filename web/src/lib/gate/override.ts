import type { CreateOverride, GateRuleName, Override } from '@plimsoll/api/contract'

/** An override as it was filled in. */
export interface OverrideForm {
  readonly environment: string
  readonly version: string
  readonly rules: readonly GateRuleName[]
  readonly reason: string
  readonly hours: number
}

/** An override is for a night, not for a quarter. */
export const LONGEST_HOURS = 7 * 24
export const SHORTEST_REASON = 10

/** What keeps the form from being sent, in words; null: nothing. */
export const missingIn = ({ environment, rules, reason, hours }: OverrideForm): string | null => {
  if (environment.trim() === '') return 'Name the environment.'
  if (rules.length === 0) return 'Choose at least one rule.'
  if (reason.trim().length < SHORTEST_REASON) return `Give a reason of at least ${SHORTEST_REASON} characters.`
  if (!(hours > 0 && hours <= LONGEST_HOURS)) return 'It may last up to 7 days.'
  return null
}

/** What the API is asked for; a version that was left empty is any. */
export const overrideOf = (form: OverrideForm, nowMs: number): CreateOverride => ({
  environment: form.environment.trim(),
  rules: [...form.rules],
  reason: form.reason.trim(),
  until: new Date(nowMs + Math.round(form.hours * 3_600_000)).toISOString(),
  ...(form.version.trim() !== '' && { version: form.version.trim() })
})

export type OverrideStands = 'in force' | 'revoked' | 'over'

/** Whether an override still changes verdicts. */
export const overrideStands = (
  { until, revokedAt }: Pick<Override, 'until' | 'revokedAt'>,
  nowMs: number
): OverrideStands => (revokedAt !== null ? 'revoked' : Date.parse(until) > nowMs ? 'in force' : 'over')

/** Overrides that concern one release: of its environment, and of its version or of any. */
export const concerning = (
  overrides: readonly Override[],
  { version, environment, overrides: named }: { version: string; environment: string; overrides: readonly string[] }
): Override[] =>
  overrides.filter(
    (each) =>
      named.includes(each.id) ||
      (each.environment === environment && (each.version === null || each.version === version))
  )
