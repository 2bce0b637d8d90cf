import { codedError } from '../../platform/errors.ts'

export const webhookUnsigned = codedError({
  code: 'PLIMSOLL_WEBHOOK_UNSIGNED',
  status: 401,
  title: 'The signature of the webhook is missing or wrong',
  hint: 'give both sides the same secret'
})

export const integrationUnset = codedError({
  code: 'PLIMSOLL_INTEGRATION_UNSET',
  status: 404,
  title: 'This integration is not set up'
})

export const webhookUnreadable = codedError({
  code: 'PLIMSOLL_WEBHOOK_UNREADABLE',
  status: 400,
  title: 'The webhook could not be read'
})
