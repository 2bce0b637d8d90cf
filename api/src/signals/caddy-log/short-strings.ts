/** Kept at a time; releases and the like are few. */
const entries = 64

/** Strings of a buffer's bytes (ASCII), made once for values that come again and again. */
export class ShortStrings {
  readonly #bytes: Buffer
  readonly #kept: string[] = Array.from({ length: entries }, () => '')

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  of(from: number, to: number): string {
    const size = to - from
    if (size === 0) return ''
    const entry = (size * 31 + this.#bytes[from]! + this.#bytes[to - 1]! * 7) & (entries - 1)
    const kept = this.#kept[entry]!
    return this.#is(kept, from, size) ? kept : (this.#kept[entry] = this.#bytes.toString('latin1', from, to))
  }

  #is(kept: string, from: number, size: number): boolean {
    if (kept.length !== size) return false
    for (let at = 0; at < size; at++) if (kept.charCodeAt(at) !== this.#bytes[from + at]) return false
    return true
  }
}
