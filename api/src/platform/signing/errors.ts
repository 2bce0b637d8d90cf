import { codedError } from '../errors.ts'

export const signingUnavailable = codedError({
  code: 'PLIMSOLL_SIGNING_UNAVAILABLE',
  status: 503,
  title: 'The signing key cannot be used now',
  hint: 'try again; the log says why'
})

export const signingKeyUnusable = codedError({
  code: 'PLIMSOLL_SIGNING_KEY_UNUSABLE',
  status: 500,
  title: 'The signing key cannot be used'
})
