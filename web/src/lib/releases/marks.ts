import type { Marks, ReleaseBrief } from '@plimsoll/api/contract'
import { STANDS } from './words.ts'

type Mark = Marks['marks'][number]
type Known = Pick<ReleaseBrief, 'id' | 'version' | 'environment' | 'state' | 'startedAt'>

/** Marks with those of releases that the log has not named: a release is marked also before its first request. */
export const withReleases = (marks: readonly Mark[], releases: readonly Known[]): Mark[] => {
  const marked = new Set(marks.filter(({ kind }) => kind === 'release').map(({ ref }) => ref))
  const others = releases.filter(({ version }) => !marked.has(version))
  return [
    ...marks,
    ...others.map(({ version, environment, state, startedAt }): Mark => {
      const title = `release ${version} to ${environment}, ${STANDS[state].toLowerCase()}`
      return { kind: 'release', fromAt: startedAt, toAt: null, title, ref: version }
    })
  ]
}

/** Ids of releases by their version; of several of one version the newest. */
export const releasePages = (releases: readonly Known[]): ReadonlyMap<string, string> =>
  new Map(releases.toReversed().map(({ version, id }) => [version, id]))
