import type { CheckResult } from '@plimsoll/api/contract'

export const CHECK_KINDS: Readonly<Record<CheckResult['kind'], string>> = {
  http: 'HTTP',
  objective: 'Objective',
  file: 'File',
  command: 'Command'
}

/** Whether the evidence of a check is too old to count. */
export const hasExpired = ({ expiresAt }: Pick<CheckResult, 'expiresAt'>, nowMs: number): boolean =>
  expiresAt !== null && Date.parse(expiresAt) <= nowMs

/** Whether a milestone is late: its day is over and it has not passed. */
export const isLate = (
  { due, state }: { readonly due: string | null; readonly state: string },
  nowMs: number
): boolean => due !== null && state !== 'pass' && nowMs > Date.parse(`${due}T00:00:00`) + 86_400_000
