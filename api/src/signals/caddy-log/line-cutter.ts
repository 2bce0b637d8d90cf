const newline = 10

export interface CutterOptions {
  /** Longest line that is kept until it is complete, bytes. */
  readonly maxLineBytes: number
  /** Given complete lines, line ends included; only for the time of the call. */
  readonly onLines: (lines: Uint8Array) => void
  /** A line was longer than is kept; told once, when that is known. */
  readonly onTooLong: () => void
}

/** Cuts what comes over one connection behind its last line end, and keeps the rest until more comes. */
export class LineCutter {
  readonly #options: CutterOptions
  #held: Uint8Array[] = []
  /** Bytes of a line whose end has not come yet. */
  heldBytes = 0
  #skipping = false

  constructor(options: CutterOptions) {
    this.#options = options
  }

  add(chunk: Uint8Array): void {
    const begin = this.#skipping ? chunk.indexOf(newline) + 1 : 0
    if (this.#skipping && begin === 0) return
    this.#skipping = false
    const end = chunk.lastIndexOf(newline) + 1
    if (end > begin) {
      this.#options.onLines(this.#joined(chunk.subarray(begin, end)))
      this.#hold(chunk.subarray(end))
    } else this.#hold(chunk.subarray(begin))
  }

  /** Gives up the line whose end has not come; whether there was one. */
  giveUp(): boolean {
    const hadLine = this.heldBytes > 0
    this.#skipping = hadLine
    this.#held = []
    this.heldBytes = 0
    return hadLine
  }

  #joined(lines: Uint8Array): Uint8Array {
    if (this.heldBytes === 0) return lines
    const joined = Buffer.concat([...this.#held, lines])
    this.#held = []
    this.heldBytes = 0
    return joined
  }

  #hold(rest: Uint8Array): void {
    if (rest.length === 0) return
    if (this.heldBytes + rest.length > this.#options.maxLineBytes) {
      this.#options.onTooLong()
      this.heldBytes += rest.length
      this.giveUp()
      return
    }
    this.#held.push(Buffer.from(rest)) // a copy: the socket's buffer is larger, and would be kept alive whole
    this.heldBytes += rest.length
  }
}
