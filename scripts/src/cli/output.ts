import { styleText } from 'node:util'
import type { Failure } from './failure.ts'

type Tone = 'good' | 'bad' | 'careful' | 'quiet'
const colours = { good: 'green', bad: 'red', careful: 'yellow', quiet: 'dim' } as const

/** Where a command writes: results to one stream, everything about the run to the other. */
export interface Output {
  readonly json: boolean
  /** A terminal that redraws its last line. */
  readonly live: boolean
  /** The result: `document` for programs, `lines` for people. */
  result(document: unknown, lines: readonly string[]): void
  /** A line about the run, never part of the result. */
  note(line: string): void
  /** Replaces the last progress line; only on a live terminal. */
  progress(line: string): void
  failure(failure: Failure): void
  tone(tone: Tone, text: string): string
}

type Stream = { write(text: string): unknown; isTTY?: boolean; hasColors?(): boolean; columns?: number }

export function createOutput(out: Stream, err: Stream, json: boolean): Output {
  const coloured = !json && out.isTTY === true && out.hasColors?.() === true
  const live = err.isTTY === true
  const clear = live ? '\r\u001B[K' : ''
  return {
    json,
    live,
    result: (document, lines) => {
      out.write(json ? `${JSON.stringify(document, null, 2)}\n` : lines.map((line) => `${line}\n`).join(''))
    },
    note: (line) => void err.write(`${clear}${line}\n`),
    progress: (line) => {
      if (live)
        err.write(
          `${clear}${Array.from(line)
            .slice(0, (err.columns ?? 80) - 1)
            .join('')}`
        )
    },
    failure: ({ code, message, hint }) => {
      const text = json
        ? JSON.stringify({ error: { code, message, ...(hint && { hint }) } })
        : `${message} [${code}]${hint ? `\n  ${hint}` : ''}`
      err.write(`${clear}${text}\n`)
    },
    tone: (tone, text) => (coloured ? styleText(colours[tone], text, { validateStream: false }) : text)
  }
}
