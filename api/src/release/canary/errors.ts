import { codedError } from '../../platform/errors.ts'

export const releaseEnded = codedError({
  code: 'PLIMSOLL_RELEASE_ENDED',
  status: 409,
  title: 'The release has ended'
})

export const noBaseline = codedError({
  code: 'PLIMSOLL_RELEASE_NO_BASELINE',
  status: 409,
  title: 'There is no version to compare with',
  hint: 'name one as baseline; without it the version is taken that served most users in the last ten minutes'
})

export const releasesNotPlanned = codedError({
  code: 'PLIMSOLL_RELEASES_NOT_PLANNED',
  status: 422,
  title: 'The plan does not say how this service is released',
  hint: 'add release: { nomad: { job: … } } to the service, or release: {} to announce releases by hand'
})
