import type { Problem } from '@plimsoll/api/contract'

/** A reply that is not success, as the API would give it. */
export class Refusal extends Error {
  readonly problem: Problem
  constructor(status: number, code: string, title: string, detail: string, hint?: string, errors?: Problem['errors']) {
    super(title)
    this.problem = {
      type: 'about:blank',
      title,
      status,
      code,
      detail,
      requestId: 'fixture-1',
      ...(hint && { hint }),
      ...(errors && { errors })
    }
  }
}
