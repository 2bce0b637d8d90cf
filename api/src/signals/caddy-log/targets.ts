import { canCollapse } from '../route-group.rules.ts'
import type { LineScanner } from './line-scanner.ts'
import type { ServiceCounter, Target } from './service-counter.ts'

/** Entries are overwritten, not searched: as many as there are hot paths, few enough for the processor's cache. */
const entries = 4_096

/** Longer keys are not kept; they are worked out each time. */
const keyBytes = 96

const slash = 47

/** Stands for a segment that names one thing of many; no byte of a line that is scanned. */
const collapsed = 1

const digit = 1
const hexLetter = 2
const otherByte = 4

const kindOf = Uint8Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte)
  if (/[0-9]/.test(character)) return digit
  return /[a-fA-F-]/.test(character) ? hexLetter : otherByte
})

/**
 * Which services count a request, and how: worked out once for each host and path, found again by
 * the bytes of the line without making a string of them. Segments that are a number or a hash share
 * an entry, as long as no pattern of the plan looks into such segments.
 */
export class Targets {
  readonly #counters: readonly ServiceCounter[]
  readonly #bytes: Buffer
  readonly #view: DataView
  /** Whether any service asks for the method; else requests that differ in nothing but it share an entry. */
  readonly #byMethod: boolean
  readonly #collapses: boolean
  /** The key looked for, filled up with zeros to whole words. */
  readonly #key = new Uint8Array(keyBytes + 4)
  readonly #words = new Int32Array(this.#key.buffer)
  readonly #keys = new Int32Array((entries * keyBytes) / 4)
  readonly #sizes = new Uint8Array(entries)
  readonly #targets: (readonly Target[])[] = Array.from({ length: entries }, () => [])

  /** @param bytes - the buffer that the scanner reads */
  constructor(counters: readonly ServiceCounter[], bytes: Buffer) {
    this.#counters = counters
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#byMethod = counters.some((counter) => counter.asksForMethod)
    this.#collapses = canCollapse(counters.flatMap((counter) => counter.patterns))
  }

  of(method: string, host: string, path: string): readonly Target[] {
    const targets: Target[] = []
    for (const counter of this.#counters) {
      const target = counter.target(method, host, path)
      if (target) targets.push(target)
    }
    return targets
  }

  /** As {@link of}, for a line that was scanned. */
  ofScanned(line: LineScanner): readonly Target[] {
    const size = this.#writeKey(line)
    if (size === 0) return this.#workOut(line)
    const words = (size + 3) >> 2
    const entry = this.#entryOf(size, words)
    const at = (entry * keyBytes) >> 2
    if (this.#sizes[entry] !== size || !this.#holds(at, words)) {
      this.#targets[entry] = this.#workOut(line)
      this.#sizes[entry] = size
      this.#keys.set(this.#words.subarray(0, words), at)
    }
    return this.#targets[entry]!
  }

  #workOut(line: LineScanner): readonly Target[] {
    const bytes = this.#bytes
    return this.of(
      bytes.toString('latin1', line.methodFrom, line.methodTo),
      bytes.toString('latin1', line.hostFrom, line.hostTo),
      bytes.toString('latin1', line.pathFrom, line.pathTo)
    )
  }

  /**
   * The key of a line: all bytes from the host, or the method, to the end of the path, which Caddy
   * writes one after the other, numbers and hashes collapsed.
   *
   * @returns its size in bytes; 0 when the line cannot be kept
   */
  #writeKey(line: LineScanner): number {
    const { hostFrom, pathFrom, pathTo } = line
    const from = this.#byMethod ? line.methodFrom : hostFrom
    if (from > hostFrom || hostFrom > pathFrom || pathTo - from > keyBytes) return 0
    const bytes = this.#bytes
    const key = this.#key
    let to = pathFrom - from
    for (let at = 0; at < to; at += 4) this.#words[at >> 2] = this.#view.getInt32(from + at, true)
    let segment = to
    let kinds = 0
    for (let at = pathFrom; at <= pathTo; at++) {
      const byte = at < pathTo ? bytes[at]! : slash
      if (byte !== slash) {
        key[to++] = byte
        kinds |= kindOf[byte]!
        continue
      }
      if (this.#collapses && (kinds === digit || (kinds === (digit | hexLetter) && to - segment >= 8))) {
        to = segment
        key[to++] = collapsed
      }
      if (at < pathTo) key[to++] = slash
      segment = to
      kinds = 0
    }
    key[to] = key[to + 1] = key[to + 2] = 0
    return to
  }

  #entryOf(size: number, words: number): number {
    let hash = size
    for (let i = 0; i < words; i++) {
      const mixed = Math.imul(hash ^ this.#words[i]!, 0x5bd1e995)
      hash = mixed ^ (mixed >>> 13)
    }
    return (hash ^ (hash >>> 15)) & (entries - 1)
  }

  #holds(at: number, words: number): boolean {
    for (let i = 0; i < words; i++) if (this.#keys[at + i] !== this.#words[i]) return false
    return true
  }
}
