import { ApiError } from '../../../api/src/contract/client.ts'
import type { ExitCode } from './command.ts'

/** A command that ends without its answer: a stable code, a sentence, and what would have worked. */
export class Failure extends Error {
  readonly code: string
  readonly hint: string | undefined
  readonly exit: ExitCode

  constructor(code: string, message: string, { hint, exit = 2 }: { hint?: string | undefined; exit?: ExitCode } = {}) {
    super(message)
    this.name = 'Failure'
    this.code = code
    this.hint = hint
    this.exit = exit
  }
}

/** The command line was not understood. */
export const wrongUsage = (message: string, hint: string): Failure =>
  new Failure('PLIMSOLL_USAGE', message, { hint, exit: 64 })

/**
 * Any error as a Failure. A program error keeps its message and exit 2: the question was not answered.
 * @param url - where the API was asked, for the hint
 */
export function asFailure(error: unknown, url: string): Failure {
  if (error instanceof Failure) return error
  if (error instanceof ApiError) return fromApi(error)
  if (error instanceof Error && error.name === 'AbortError') {
    return new Failure('PLIMSOLL_INTERRUPTED', 'interrupted')
  }
  if (error instanceof TypeError && error.message === 'fetch failed') {
    return new Failure('PLIMSOLL_UNREACHABLE', `nothing answers at ${url}${causeOf(error)}`, {
      hint: 'start it with make start, or say where it is with --url or PLIMSOLL_URL'
    })
  }
  const code = (error as NodeJS.ErrnoException | null)?.code
  if (error instanceof Error && code === 'ENOENT') {
    return new Failure('PLIMSOLL_NO_FILE', error.message.replace(/^ENOENT: /, ''), { hint: 'check the path' })
  }
  return new Failure(code?.startsWith('PLIMSOLL_') ? code : 'PLIMSOLL_UNEXPECTED', messageOf(error), {
    hint: hintOf(error) ?? 'DEBUG=plimsoll shows where it happened'
  })
}

function fromApi(error: ApiError): Failure {
  const fallback =
    error.status === 401 || error.status === 403
      ? 'pass a token with PLIMSOLL_TOKEN or --token'
      : error.status === 503 || error.status === 429
        ? 'Plimsoll is busy: try again in a moment'
        : undefined
  return new Failure(error.problem?.code ?? `HTTP_${error.status}`, error.message, {
    hint: error.problem?.hint ?? fallback
  })
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const hintOf = (error: unknown): string | undefined => {
  const hint = (error as { hint?: unknown } | null)?.hint
  return typeof hint === 'string' ? hint : undefined
}

/** `fetch failed` says nothing: its cause does. */
const causeOf = (error: Error): string => {
  const { code, message } = (error.cause ?? {}) as { code?: unknown; message?: unknown }
  const reason = code ?? message
  return typeof reason === 'string' ? ` (${reason})` : ''
}
