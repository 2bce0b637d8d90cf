import type { PlanFault } from '@plimsoll/api/contract'

/** Line numbers of a text, 1 to the last; an empty text has one. */
export const lineNumbers = (text: string): number[] =>
  Array.from({ length: text.split('\n').length }, (_, index) => index + 1)

/** Where a line and column stand in a text, held within it. Both count from 1. */
export const offsetOf = (text: string, line: number, column: number): number => {
  const lines = text.split('\n')
  const before = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0)
  return Math.min(text.length, before + Math.min(column - 1, lines[line - 1]?.length ?? 0))
}

/** The gravest fault of each line that has one. */
export const faultyLines = (faults: readonly PlanFault[]): ReadonlyMap<number, PlanFault['severity']> => {
  const lines = new Map<number, PlanFault['severity']>()
  for (const { line, severity } of faults) if (lines.get(line) !== 'error') lines.set(line, severity)
  return lines
}

/** Whether a plan with these faults can be applied: warnings do not stand in its way. */
export const isApplicable = (faults: readonly PlanFault[]): boolean =>
  faults.every(({ severity }) => severity === 'warning')
