import { codedError } from '../../platform/errors.ts'

export const evidenceUnreadable = codedError({
  code: 'PLIMSOLL_EVIDENCE_UNREADABLE',
  status: 400,
  title: 'The evidence could not be read',
  hint: 'see the chapter on the release gate in the README for the shapes that are read'
})

export const evidenceUnsigned = codedError({
  code: 'PLIMSOLL_EVIDENCE_UNSIGNED',
  status: 401,
  title: 'The signature of the evidence is missing or wrong',
  hint: 'send X-Plimsoll-Signature: sha256=<hex HMAC-SHA256 of the body> with the key that the plan names'
})

export const overrideInvalid = codedError({
  code: 'PLIMSOLL_OVERRIDE_INVALID',
  status: 400,
  title: 'This override cannot be taken'
})

export const policyInvalid = codedError({
  code: 'PLIMSOLL_POLICY_INVALID',
  status: 400,
  title: 'The policy has errors',
  hint: 'write it as `gate:` of the plan'
})
