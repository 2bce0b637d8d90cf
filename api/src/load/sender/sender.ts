import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { systemClock, type Clock } from '../../platform/clock.ts'
import { senderDied } from '../errors.ts'
import type { FromSender, Plan, Progress, SecondCounts, SenderFacts } from './plan.ts'

/** What came of a plan: whole seconds in no particular order, and what the sender says of itself. */
export interface Sent {
  readonly startedAtMs: number
  readonly seconds: readonly SecondCounts[]
  /** Null: the process that sent ended before its time. */
  readonly facts: SenderFacts | null
}

export interface Watch {
  /** Ends the sending early; the result so far is kept. */
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** Beyond the time a plan may take: to start, to drain and to report. */
const slackMs = 15_000

/**
 * A process that sends load. It keeps nothing between two plans but its warm code.
 */
export class Sender {
  readonly #clock: Clock
  #child: ChildProcess | null = null

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  /**
   * Sends one plan; one at a time.
   *
   * @throws PLIMSOLL_SENDER_DIED when the process could not be started; once load was sent, an early
   *   end gives a result without facts instead
   */
  async send(plan: Plan, { signal, onProgress }: Watch = {}): Promise<Sent> {
    const child = (this.#child ??= await start())
    const seconds: SecondCounts[] = []
    const startedAtMs = this.#clock.nowMs() + plan.warmUpMs
    const facts = await new Promise<SenderFacts | null>((resolve) => {
      const finish = (result: SenderFacts | null): void => {
        clearTimeout(overdue)
        child.off('message', hear)
        child.off('exit', gone)
        signal?.removeEventListener('abort', stop)
        resolve(result)
      }
      const gone = (): void => {
        this.#child = null
        finish(null)
      }
      // a process that has just ended takes no message; its `exit` says the rest
      const tell = (message: object): void => {
        if (child.connected) child.send(message, () => {})
      }
      const stop = (): void => tell({ kind: 'stop' })
      const hear = (message: FromSender): void => {
        if (message.kind === 'second') seconds.push(message)
        else if (message.kind === 'progress') onProgress?.(message)
        else if (message.kind === 'done') finish(message.facts)
        else if (message.kind === 'crashed') child.kill('SIGKILL')
      }
      const overdue = setTimeout(
        () => child.kill('SIGKILL'),
        plan.warmUpMs + plan.durationMs + plan.timeoutMs + slackMs
      )
      child.on('message', hear)
      child.on('exit', gone)
      signal?.addEventListener('abort', stop)
      if (child.exitCode !== null || child.signalCode !== null) return gone()
      tell({ kind: 'run', plan })
      if (signal?.aborted) stop()
    })
    return { startedAtMs, seconds, facts }
  }

  /** Ends the process. */
  async close(): Promise<void> {
    const child = this.#child
    this.#child = null
    if (!child || child.exitCode !== null) return
    const ended = once(child, 'exit')
    child.disconnect()
    await ended
  }
}

const start = async (): Promise<ChildProcess> => {
  const child = fork(join(import.meta.dirname, 'process.ts'), {
    serialization: 'advanced', // histograms are bytes
    execArgv: ['--no-warnings'], // what a library warns of is no message of the run
    stdio: ['ignore', 'ignore', 'inherit', 'ipc']
  })
  try {
    await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(([code]) => {
        throw new Error(`exit code ${code}`)
      })
    ])
  } catch (cause) {
    throw senderDied(`it did not start: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
  return child
}
