import type { CanaryJudge } from './rules/judge.rules.ts'

/** At most this much evidence against, ever, for a canary that time promotes. */
const cleanLogE = Math.log(5)

/**
 * What a decided analysis leads to; null: a person decides.
 *
 * @param undecided - what the plan wants when the deadline came first; a canary is promoted then only
 *   when there never was more than next to no evidence against it
 */
export function actionOf(
  { verdict, curve }: Pick<CanaryJudge, 'verdict' | 'curve'>,
  undecided: 'hold' | 'promote' | 'fail'
): 'promote' | 'fail' | null {
  if (verdict.state === 'pass') return 'promote'
  if (verdict.state === 'fail') return 'fail'
  if (verdict.state !== 'not_enough_evidence' || undecided === 'hold') return null
  const most = Math.max(0, ...curve.map(({ failLogE }) => failLogE))
  return undecided === 'promote' && most >= cleanLogE ? null : undecided
}
