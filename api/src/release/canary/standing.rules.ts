import type { CanaryState } from '../../contract/releases.ts'
import type { Analysis } from './analysis.ts'
import { splitIsOff } from './rules/sample-ratio.rules.ts'
import { sentenceOf, share } from './words.rules.ts'

/** Without a request of an arm for this long, nothing can be compared. */
const silentMs = 60_000

/**
 * Where an analysis stands: as the judge says, unless there is nothing to judge by: an arm without
 * requests, or a canary that gets far fewer than its share.
 */
export function standingOf({ judge, record }: Pick<Analysis, 'judge' | 'record'>): {
  state: CanaryState
  text: string
} {
  const { state } = judge.verdict
  const { canary, baseline } = judge.requests
  const unmeasured =
    state === 'fail'
      ? null
      : (silence(record.baseline, { canary, baseline, elapsedMs: judge.observed.elapsedMs }) ??
        missingShare(record.allocations, { canary, baseline }))
  return unmeasured === null
    ? { state, text: sentenceOf(judge, record.policy) }
    : { state: 'could_not_measure', text: unmeasured }
}

const silence = (
  version: string,
  { canary, baseline, elapsedMs }: { canary: number; baseline: number; elapsedMs: number }
): string | null => {
  const silent = [...(canary === 0 ? ['the canary'] : []), ...(baseline === 0 ? [version] : [])]
  if (silent.length === 0 || elapsedMs < silentMs) return null
  return `no request of ${silent.join(' and ')} in the log: does every reply name its release?`
}

/** Said when the canary gets far fewer requests than its share: those that are lost look like success. */
const missingShare = (
  allocations: Analysis['record']['allocations'],
  { canary, baseline }: { canary: number; baseline: number }
): string | null => {
  if (allocations.canary === null || allocations.baseline === null || canary + baseline === 0) return null
  const expected = allocations.canary / (allocations.canary + allocations.baseline)
  const found = canary / (canary + baseline)
  if (!(expected > 0 && expected < 1) || found >= expected) return null
  if (!splitIsOff({ canary, baseline, share: expected })) return null
  return `the canary gets ${share(found)} of the requests instead of ${share(expected)}: are some lost before they are logged?`
}
