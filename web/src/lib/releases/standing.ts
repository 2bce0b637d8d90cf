import type { Release, ReleaseAction, State } from '@plimsoll/api/contract'
import { ACTIONS, canaryMark } from './words.ts'

/** Where a release stands: a headline, why, and what comes next, each in one sentence. */
export interface Standing {
  readonly mark: State
  readonly title: string
  readonly why: string
  readonly next: string | null
}

type Told = Pick<Release, 'state' | 'text' | 'version' | 'previousVersion' | 'canary' | 'actions' | 'endedAt' | 'nomad'>

/** Told to somebody who was just woken: whether it stopped, why, and what they have to do now. */
export const standingOf = (release: Told): Standing => {
  const { state, text, version, previousVersion, canary } = release
  const because = lastOf(release, 'fail')?.reason ?? canary?.text ?? text
  const back = previousVersion === null ? 'The version before it' : previousVersion
  switch (state) {
    case 'promoted':
      return {
        mark: 'pass',
        title: `${version} serves everybody`,
        why: lastOf(release, 'promote')?.reason ?? canary?.text ?? text,
        next: null
      }
    case 'reverted':
      return {
        mark: 'fail',
        title: `Stopped, and taken back`,
        why: because,
        next: `${back} serves again: nobody gets ${version} any more`
      }
    case 'failed':
      return { mark: 'fail', title: 'Stopped', why: because, next: text === because ? null : text }
    case 'failing':
      return { mark: 'fail', title: 'Being stopped', why: because, next: `${back} takes its traffic back` }
    case 'superseded':
      return { mark: 'not_enough_evidence', title: 'Another release took its place', why: text, next: null }
    case 'promoting':
      return {
        mark: canary ? canaryMark(canary.state) : 'not_enough_evidence',
        title: 'Being promoted',
        why: canary?.text ?? text,
        next: text === canary?.text ? null : text
      }
    case 'announced':
      return {
        mark: 'not_enough_evidence',
        title: 'Announced, and not seen yet',
        why: text,
        next: 'It begins with its first request in the log, or when Nomad starts it'
      }
    case 'rolling_out':
      return { mark: 'not_enough_evidence', title: 'Rolling out', why: text, next: null }
    case 'canary':
      return pendingStanding(release) ?? canaryStanding(release)
  }
}

/** What was ordered last, while it waits or did not work: it matters more than how the canary does. */
const pendingStanding = ({ actions }: Told): Standing | null => {
  const last = actions.at(-1)
  if (last?.state === 'intended') {
    return {
      mark: 'warn',
      title: `${ACTIONS[last.action]}: ordered by ${last.by}, not carried out yet`,
      why: last.reason,
      next: 'It is carried out once, as soon as Nomad takes it; to take it back, order the opposite'
    }
  }
  if (last?.state !== 'failed') return null
  return {
    mark: 'fail',
    title: `${ACTIONS[last.action]}: ordered by ${last.by}, and it did not work`,
    why: last.text,
    next: 'Mend what it says and order it again'
  }
}

const canaryStanding = (release: Told): Standing => {
  const { canary, text, version } = release
  if (canary === null)
    return { mark: 'not_enough_evidence', title: 'A canary that nobody judges', why: text, next: null }
  const mark = canaryMark(canary.state)
  const held = lastOf(release, 'hold')
  if (held && held === release.actions.at(-1) && held.by !== 'plimsoll') {
    return {
      mark: 'warn',
      title: `Held by ${held.by}`,
      why: held.reason,
      next: 'Plimsoll goes on judging and does nothing: promote it or fail it by hand'
    }
  }
  const byHand = canary.act ? null : 'Plimsoll only observes here'
  switch (canary.state) {
    case 'running':
      return { mark, title: 'Not decided yet', why: canary.text, next: canary.toDecide?.text ?? null }
    case 'hold':
      return { mark, title: 'On hold', why: canary.text, next: 'It goes on by itself when that is over' }
    case 'pass':
      return {
        mark,
        title: `${version} is no worse`,
        why: canary.text,
        next: byHand ? `${byHand}: promote it` : 'Plimsoll promotes it'
      }
    case 'fail':
      return {
        mark,
        title: `${version} is worse`,
        why: canary.text,
        next: byHand ? `${byHand}: it still gets traffic until you fail it` : 'Plimsoll stops it'
      }
    case 'warn':
      return { mark, title: 'A person must decide', why: canary.text, next: 'Promote it or fail it' }
    case 'not_enough_evidence':
      return {
        mark,
        title: 'A person must decide',
        why: canary.text,
        next: 'The deadline came before the evidence: promote it, fail it, or give it more traffic'
      }
    case 'could_not_measure':
      return {
        mark,
        title: 'It cannot be judged',
        why: canary.text,
        next: 'Nothing measured is neither success nor failure: mend what is missing, or decide by hand'
      }
  }
}

const lastOf = ({ actions }: Pick<Release, 'actions'>, action: ReleaseAction['action']): ReleaseAction | undefined =>
  actions.findLast((each) => each.action === action && each.state !== 'failed' && each.state !== 'superseded')
