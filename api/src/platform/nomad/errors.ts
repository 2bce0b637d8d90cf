import { codedError, type CodedError } from '../errors.ts'
import type { RefusalKind } from './refusal.rules.ts'

export const nomadUnreachable = codedError({
  code: 'PLIMSOLL_NOMAD_UNREACHABLE',
  status: 502,
  title: 'Nomad cannot be reached',
  hint: 'check NOMAD_ADDR, and that the agent runs'
})

export const nomadSlow = codedError({
  code: 'PLIMSOLL_NOMAD_SLOW',
  status: 504,
  title: 'Nomad did not answer in time'
})

export const nomadNoLeader = codedError({
  code: 'PLIMSOLL_NOMAD_NO_LEADER',
  status: 503,
  title: 'Nomad has no leader now',
  hint: 'an election takes seconds; if it lasts, look at nomad server members'
})

export const nomadForbidden = codedError({
  code: 'PLIMSOLL_NOMAD_FORBIDDEN',
  status: 403,
  title: 'Nomad does not allow this token to do that',
  hint: 'nomad acl token self shows its policies; nomad/README.md says which ones Plimsoll needs'
})

export const nomadTokenUnknown = codedError({
  code: 'PLIMSOLL_NOMAD_TOKEN_UNKNOWN',
  status: 401,
  title: 'Nomad does not know this token',
  hint: 'it was deleted, has expired, or belongs to another cluster: set NOMAD_TOKEN anew'
})

export const nomadNotFound = codedError({
  code: 'PLIMSOLL_NOMAD_NOT_FOUND',
  status: 404,
  title: 'Nomad has no such thing'
})

export const nomadConflict = codedError({
  code: 'PLIMSOLL_NOMAD_CONFLICT',
  status: 409,
  title: 'Somebody else changed the job meanwhile',
  hint: 'look at what changed, plan again, and decide again'
})

export const nomadDeploymentEnded = codedError({
  code: 'PLIMSOLL_NOMAD_DEPLOYMENT_ENDED',
  status: 409,
  title: 'The deployment has ended already'
})

export const nomadNotHealthyYet = codedError({
  code: 'PLIMSOLL_NOMAD_NOT_HEALTHY_YET',
  status: 409,
  title: 'The canaries are not healthy yet'
})

export const nomadNothingToRevert = codedError({
  code: 'PLIMSOLL_NOMAD_NOTHING_TO_REVERT',
  status: 409,
  title: 'That version runs already'
})

export const nomadInvalid = codedError({
  code: 'PLIMSOLL_NOMAD_INVALID',
  status: 422,
  title: 'Nomad refuses what it was given'
})

export const nomadBusy = codedError({ code: 'PLIMSOLL_NOMAD_BUSY', status: 503, title: 'Nomad sheds requests now' })

/** Nomad answered with what is no known refusal, or with what is not the answer of Nomad. */
export const nomadFailed = codedError({ code: 'PLIMSOLL_NOMAD_FAILED', status: 502, title: 'Nomad failed' })

/** The event stream ended, fell silent, or was never allowed. */
export const nomadStreamBroken = codedError({
  code: 'PLIMSOLL_NOMAD_STREAM_BROKEN',
  status: 502,
  title: 'The event stream of Nomad broke'
})

/** Each kind of refusal as the error to throw. */
export const refusals: Readonly<Record<RefusalKind, (detail: string) => CodedError>> = {
  no_leader: nomadNoLeader,
  forbidden: nomadForbidden,
  token_unknown: nomadTokenUnknown,
  not_found: nomadNotFound,
  conflict: nomadConflict,
  deployment_ended: nomadDeploymentEnded,
  not_healthy_yet: nomadNotHealthyYet,
  nothing_to_revert: nomadNothingToRevert,
  invalid: nomadInvalid,
  busy: nomadBusy,
  failed: nomadFailed
}

/** Whether trying the same again a little later may help. */
export const mayPass = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && passing.has(String(error.code))

const passing = new Set<string>(
  [nomadUnreachable, nomadSlow, nomadNoLeader, nomadBusy, nomadFailed, nomadStreamBroken].map(({ spec }) => spec.code)
)

/** Whether an error is of the kind that `make` makes: `isError(error, nomadConflict)`. */
export const isError = (error: unknown, { spec }: { readonly spec: { readonly code: string } }): boolean =>
  error instanceof Error && 'code' in error && error.code === spec.code
