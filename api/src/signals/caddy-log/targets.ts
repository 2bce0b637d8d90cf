import type { LineScanner } from './line-scanner.ts'
import type { ServiceCounter, Target } from './service-counter.ts'

/** Entries are overwritten, not searched: as many as the paths that are hot at a time, 2 MB at most. */
const entries = 8_192

/** Longer keys are not kept; they are worked out each time. */
const keyBytes = 192

const slash = 47
const zero = 48

/**
 * Which services count a request, and how: worked out once for each method, host and path, found
 * again by the bytes of the line without making a string of them.
 *
 * Paths that differ only in segments that are whole numbers (`/items/17`, `/items/18`) are counted
 * alike unless a pattern of the plan holds a digit, so they share an entry.
 */
export class Targets {
  readonly #counters: readonly ServiceCounter[]
  readonly #bytes: Buffer
  readonly #tellsNumbersApart: boolean
  readonly #keys = new DataView(new ArrayBuffer(entries * keyBytes))
  readonly #sizes = new Uint8Array(entries)
  readonly #targets: (readonly Target[])[] = Array.from({ length: entries }, () => [])
  /** The key of the line at hand, zeros behind it up to a multiple of four. */
  readonly #key = new Uint8Array(keyBytes + 4)
  readonly #keyView = new DataView(this.#key.buffer)

  /** @param bytes - the buffer that the scanner reads, with 16 bytes to spare */
  constructor(counters: readonly ServiceCounter[], bytes: Buffer) {
    this.#counters = counters
    this.#bytes = bytes
    this.#tellsNumbersApart = counters.some(({ tellsNumbersApart }) => tellsNumbersApart)
  }

  of(method: string, host: string, path: string): readonly Target[] {
    const targets: Target[] = []
    for (const counter of this.#counters) {
      const target = counter.target(method, host, path)
      if (target) targets.push(target)
    }
    return targets
  }

  /**
   * As {@link of}, for a line that was scanned. The key is all bytes from the method to the end of
   * the path: Caddy writes method, host and URI one after the other.
   */
  ofScanned(line: LineScanner): readonly Target[] {
    const from = line.methodFrom
    const sizeBytes = line.pathTo - from
    if (sizeBytes <= 0 || sizeBytes > keyBytes || line.hostFrom < from || line.hostFrom > line.pathFrom)
      return this.#workOut(line)
    const size = this.#makeKey(from, line.pathFrom, line.pathTo)
    const entry = this.#entryOf(size)
    const slot = entry * keyBytes
    if (this.#sizes[entry] !== size || !this.#holds(slot, size)) {
      this.#targets[entry] = this.#workOut(line)
      this.#sizes[entry] = size
      for (let at = 0; at < size; at += 4) this.#keys.setInt32(slot + at, this.#keyView.getInt32(at, true), true)
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

  /** Copies a key, whole numbers in the path as `0`; returns its size. */
  #makeKey(from: number, pathFrom: number, pathTo: number): number {
    const bytes = this.#bytes
    const key = this.#key
    let size = 0
    for (let at = from; at < pathFrom; at++) key[size++] = bytes[at]!
    for (let at = pathFrom; at < pathTo;) {
      const byte = bytes[at++]!
      key[size++] = byte
      if (byte !== slash || this.#tellsNumbersApart) continue
      let end = at
      while (end < pathTo && isDigit(bytes[end]!)) end++
      if (end > at && (end === pathTo || bytes[end] === slash)) {
        key[size++] = zero
        at = end
      }
    }
    key[size] = key[size + 1] = key[size + 2] = 0
    return size
  }

  #entryOf(size: number): number {
    let hash = size
    for (let at = 0; at < size; at += 4) hash = mix(hash, this.#keyView.getInt32(at, true))
    return (hash ^ (hash >>> 15)) & (entries - 1)
  }

  #holds(slot: number, size: number): boolean {
    for (let at = 0; at < size; at += 4) {
      if (this.#keys.getInt32(slot + at, true) !== this.#keyView.getInt32(at, true)) return false
    }
    return true
  }
}

const isDigit = (byte: number): boolean => byte >= 48 && byte <= 57

const mix = (hash: number, value: number): number => {
  const mixed = Math.imul(hash ^ value, 0x5bd1e995)
  return mixed ^ (mixed >>> 13)
}
