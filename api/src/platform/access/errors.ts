import { codedError } from '../errors.ts'

export const roleTooLow = codedError({
  code: 'PLIMSOLL_ROLE_TOO_LOW',
  status: 403,
  title: 'Your role does not suffice',
  hint: 'ask an admin for a token of that role (plimsoll token create)'
})

export const serviceNotYours = codedError({
  code: 'PLIMSOLL_SERVICE_NOT_IN_SCOPE',
  status: 403,
  title: 'This is not one of your services',
  hint: 'ask an admin for a token that names it (plimsoll token create --service)'
})

export const forgedRequest = codedError({
  code: 'PLIMSOLL_FORGED_REQUEST',
  status: 403,
  title: 'This write did not come from our page',
  hint: 'send the csrfToken of GET /api/v1/me as X-Plimsoll-CSRF from the page itself; programs use a token'
})

export const signInImpossible = codedError({
  code: 'PLIMSOLL_SIGN_IN_IMPOSSIBLE',
  status: 404,
  title: 'Nobody signs in here',
  hint: 'set OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_ROLES and PUBLIC_URL, or use a token'
})

export const signInFailed = codedError({
  code: 'PLIMSOLL_SIGN_IN_FAILED',
  status: 400,
  title: 'The sign-in did not succeed',
  hint: 'try again; when it fails again, an admin finds the reason in the audit log'
})

export const providerUnavailable = codedError({
  code: 'PLIMSOLL_PROVIDER_UNAVAILABLE',
  status: 503,
  title: 'The identity provider does not answer',
  hint: 'try again in a moment; tokens are not affected'
})
