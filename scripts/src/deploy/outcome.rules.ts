import type { Phase } from '../../../api/src/platform/nomad/deployment.rules.ts'
import type { JobVersion } from '../../../api/src/platform/nomad/model.ts'
import type { ExitCode } from '../cli/command.ts'

/** 3: a person (or the canary analysis) has the next word. */
export const exitOfPhase: Readonly<Record<Exclude<Phase, 'rolling'>, ExitCode>> = {
  successful: 0,
  failed: 1,
  superseded: 1,
  waiting_for_promotion: 3,
  paused: 3
}

/** How a version of a job is called: its release and its image, as far as they are known. */
export function versionName({ version, release, images }: JobVersion): string {
  const digest = images.map((image) => image.replace(/@sha256:([0-9a-f]{12})[0-9a-f]+$/, '@sha256:$1…')).join(', ')
  const what = [release, digest].filter(Boolean).join(', ')
  return `version ${version}${what ? ` (${what})` : ''}`
}

/** Who handed a version in, and when, as far as Nomad says. */
export function submittedBy({ submittedBy, submittedMs }: JobVersion): string {
  const when = submittedMs === null ? '' : ` at ${new Date(submittedMs).toISOString()}`
  const who = submittedBy === null ? 'Nomad does not say by whom' : `by the token with accessor ${submittedBy}`
  return `handed in${when}, ${who}`
}

/** Whether two versions run the same thing. */
export const runsTheSame = (a: JobVersion, b: JobVersion): boolean => a.fingerprint === b.fingerprint

export type Target =
  | { readonly kind: 'version'; readonly version: JobVersion }
  | { readonly kind: 'under_way'; readonly version: JobVersion }
  | { readonly kind: 'done'; readonly version: JobVersion }
  | { readonly kind: 'none' }

/**
 * To which version a rollback goes: the latest stable one that runs something else.
 *
 * Going back makes a new version that runs the old thing. A second call must not take that for a
 * release and go forward to what was left, so a current version that runs what an older stable one
 * ran before something else came is a rollback already: under way, or done.
 *
 * @param versions - latest first
 */
export function rollbackTarget(versions: readonly JobVersion[]): Target {
  const [current, ...older] = versions
  if (!current) return { kind: 'none' }
  const left = older.findIndex((version) => !runsTheSame(version, current))
  if (left < 0) return { kind: 'none' }
  const before = older.slice(left + 1).find((version) => version.stable && runsTheSame(version, current))
  if (before) return { kind: current.stable ? 'done' : 'under_way', version: before }
  const version = older.find((version) => version.stable && !runsTheSame(version, current))
  return version ? { kind: 'version', version } : { kind: 'none' }
}
