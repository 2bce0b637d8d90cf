import { createHash } from 'node:crypto'
import { bodyTooLarge, malformedBody } from '../../platform/errors.ts'
import { pushLimits } from './limits.rules.ts'

/** One line of a body; `text` is null when it is longer than a line may be or no UTF-8. */
export type BodyLine =
  | { readonly number: number; readonly text: string }
  | { readonly number: number; readonly text: null; readonly fault: 'too_long' | 'not_utf8' }

export interface BodyLines {
  readonly lines: readonly BodyLine[]
  /** SHA-256 of the body (hex). */
  readonly hash: string
}

/**
 * Reads a body of lines. Empty lines are left out, the numbers of the others are as an editor shows
 * them. Holds at most the body's limit and never a line longer than its own.
 *
 * @throws PLIMSOLL_BODY_TOO_LARGE, PLIMSOLL_MALFORMED_BODY when the connection ends before the body
 */
export async function readLines(body: AsyncIterable<Buffer>, limits = pushLimits): Promise<BodyLines> {
  const reader = new LineReader(limits)
  const hash = createHash('sha256')
  try {
    for await (const chunk of body) {
      hash.update(chunk)
      reader.take(chunk)
    }
  } catch (error) {
    if (reader.isOver) throw error
    throw malformedBody('The connection ended before the body did; nothing was counted', {
      hint: 'send it again, with the same Idempotency-Key if it had one',
      cause: error
    })
  }
  reader.end()
  return { lines: reader.lines, hash: hash.digest('hex') }
}

const newline = 0x0a
const utf8 = new TextDecoder('utf-8', { fatal: true })

class LineReader {
  readonly lines: BodyLine[] = []
  #limits: typeof pushLimits
  #number = 1
  #parts: Buffer[] = []
  /** Of the line under way, bytes, kept or not. */
  #length = 0
  #total = 0
  isOver = false

  constructor(limits: typeof pushLimits) {
    this.#limits = limits
  }

  take(chunk: Buffer): void {
    this.#total += chunk.length
    if (this.#total > this.#limits.bytes) this.#refuse(`The body is larger than ${this.#limits.bytes} bytes`)
    let from = 0
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, from)) {
      this.#add(chunk.subarray(from, at))
      this.end()
      from = at + 1
    }
    this.#add(chunk.subarray(from))
  }

  /** The line under way is complete. */
  end(): void {
    const number = this.#number++
    const length = this.#length
    const parts = this.#parts
    this.#parts = []
    this.#length = 0
    if (length === 0) return
    if (length > this.#limits.lineBytes) return this.#push({ number, text: null, fault: 'too_long' })
    let text: string
    try {
      text = utf8.decode(parts.length === 1 ? parts[0] : Buffer.concat(parts, length))
    } catch {
      return this.#push({ number, text: null, fault: 'not_utf8' })
    }
    if (text.trim() !== '') this.#push({ number, text })
  }

  #add(part: Buffer): void {
    this.#length += part.length
    if (this.#length > this.#limits.lineBytes) this.#parts = []
    else if (part.length > 0) this.#parts.push(part)
  }

  #push(line: BodyLine): void {
    this.lines.push(line)
    if (this.lines.length > this.#limits.lines) this.#refuse(`The body has more than ${this.#limits.lines} lines`)
  }

  #refuse(text: string): never {
    this.isOver = true
    throw bodyTooLarge(`${text}; nothing was counted`, { hint: 'send several smaller pushes' })
  }
}
