import { ApiError } from '@plimsoll/api/contract/client.ts'
import type { Problem } from '@plimsoll/api/contract'

/** A failure as a person should read it: what happened, what to do, what to quote. */
export interface Fault {
  readonly title: string
  readonly detail: string
  readonly hint: string | null
  /** HTTP status; null when nothing answered. */
  readonly status: number | null
  readonly code: string | null
  readonly requestId: string | null
  readonly errors: NonNullable<Problem['errors']>
}

/** Whatever was thrown by a call, told to a person. */
export const faultOf = (error: unknown): Fault => {
  if (error instanceof ApiError) return answered(error)
  if (error instanceof SyntaxError) {
    return plain(
      'The answer could not be read',
      'Something between this page and Plimsoll answered in its place.',
      'Check the proxy in front of Plimsoll.'
    )
  }
  if (error instanceof TypeError) {
    return plain(
      'Plimsoll did not answer',
      'Nothing came back from the server this page was loaded from.',
      'Check that the process runs and that the network is up.'
    )
  }
  return plain('Something went wrong', error instanceof Error ? error.message : String(error), null)
}

const answered = ({ status, problem, message }: ApiError): Fault =>
  problem
    ? {
        title: problem.title,
        detail: problem.detail,
        hint: problem.hint ?? null,
        status,
        code: problem.code,
        requestId: problem.requestId,
        errors: problem.errors ?? []
      }
    : {
        ...plain(
          `The server answered ${message}`,
          'The reply was not from Plimsoll: a proxy may have answered in its place.',
          null
        ),
        status
      }

const plain = (title: string, detail: string, hint: string | null): Fault => ({
  title,
  detail,
  hint,
  status: null,
  code: null,
  requestId: null,
  errors: []
})

/** Whether trying again could help: nothing answered, or the server was busy or broken. */
export const mayPass = ({ status }: Fault): boolean => status === null || status === 429 || status >= 500
