import type { Level, Risk } from '@plimsoll/api/contract'

export const LEVELS = ['low', 'medium', 'high'] as const satisfies readonly Level[]

/** How grave a cell of the matrix is: impact and probability together, 0 (both low) to 4 (both high). */
export const gravity = (impact: Level, probability: Level): number =>
  LEVELS.indexOf(impact) + LEVELS.indexOf(probability)

interface RiskRow {
  readonly impact: Level
  readonly cells: readonly { readonly probability: Level; readonly gravity: number; readonly risks: readonly Risk[] }[]
}

/** Impact downwards from high, probability to the right from low: the gravest cell stands at the top right. */
export const riskMatrix = (risks: readonly Risk[]): RiskRow[] =>
  LEVELS.toReversed().map((impact) => ({
    impact,
    cells: LEVELS.map((probability) => ({
      probability,
      gravity: gravity(impact, probability),
      risks: risks.filter((risk) => risk.impact === impact && risk.probability === probability)
    }))
  }))

/** Whether somebody still has to do something about it. */
export const isPending = ({ status }: Pick<Risk, 'status'>): boolean => status === 'open'
