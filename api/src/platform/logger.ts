import { pino, type DestinationStream, type Logger } from 'pino'
import pretty from 'pino-pretty'
import { withoutSecrets } from './redact.rules.ts'
import type { Settings } from './settings.ts'

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
  const options = { level: LOG_LEVEL, base: null, formatters: { log: withoutSecrets } }
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
