import { pino, type DestinationStream, type Logger } from 'pino'
import pretty from 'pino-pretty'
import type { Settings } from './settings.ts'

/** Never written, wherever it appears: the one list. Errors of HTTP clients carry whole requests with their headers. */
export const redact: readonly string[] = [
  'authorization',
  '*.authorization',
  'headers.authorization',
  '*.headers.authorization',
  'headers.cookie',
  '*.headers.cookie',
  'token',
  '*.token',
  'password',
  '*.password',
  'secret',
  '*.secret',
  'API_TOKEN',
  '*.API_TOKEN',
  'CLASS_KEY',
  '*.CLASS_KEY',
  'WEBHOOK_SECRET',
  '*.WEBHOOK_SECRET',
  'WEBHOOK_URLS',
  '*.WEBHOOK_URLS',
  'webhookUrls',
  '*.webhookUrls',
  'DATABASE_URL',
  '*.DATABASE_URL',
  'err.config',
  'err.request',
  'err.response'
]

/** How long a line may wait in memory, ms. */
const flushMs = 1_000

export interface LogSink {
  readonly logger: Logger
  /** Writes what waits; before the process ends. */
  flush(): void
}

/**
 * JSON lines for programs, readable ones on a terminal. JSON is gathered and written in blocks, so
 * that a request does not wait for a slow pipe; errors end the wait.
 */
export function createLogger({ LOG_LEVEL, LOG_FORMAT }: Settings, isTerminal = process.stdout.isTTY): LogSink {
  const options = { level: LOG_LEVEL, redact: { paths: [...redact], censor: '[hidden]' }, base: null }
  if (LOG_FORMAT === 'pretty' || (LOG_FORMAT === 'auto' && isTerminal)) {
    const stream = pretty({ colorize: isTerminal, translateTime: 'SYS:HH:MM:ss.l', ignore: 'reqId', sync: true })
    return { logger: pino(options, stream), flush: () => {} }
  }
  const destination = pino.destination({ dest: 1, sync: false, minLength: 4_096, periodicFlush: flushMs })
  return { logger: pino(options, destination as DestinationStream), flush: () => flushNow(destination) }
}

const flushNow = (destination: ReturnType<typeof pino.destination>): void => {
  try {
    destination.flushSync()
  } catch {
    // nothing was written yet, or the reader of the pipe is gone
  }
}
