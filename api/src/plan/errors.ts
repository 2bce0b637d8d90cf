import { codedError } from '../platform/errors.ts'

export const planInvalid = codedError({
  code: 'PLIMSOLL_PLAN_INVALID',
  status: 422,
  title: 'The plan has errors',
  hint: 'the plan in force stays; mend what `errors` names and send it again'
})

export const planChanged = codedError({
  code: 'PLIMSOLL_PLAN_CHANGED',
  status: 412,
  title: 'The plan was changed meanwhile',
  hint: 'read the plan again, look at what changed, and repeat with its ETag'
})

export const milestoneUnknown = codedError({
  code: 'PLIMSOLL_MILESTONE_UNKNOWN',
  status: 404,
  title: 'There is no such milestone'
})
