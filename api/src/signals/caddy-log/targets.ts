import type { LineScanner } from './line-scanner.ts'
import type { ServiceCounter, Target } from './service-counter.ts'

/** Entries are overwritten, not searched: as many as the paths that are hot at a time, 4 MB at most. */
const entries = 8_192

/** Longer keys are not kept; they are worked out each time. */
const keyBytes = 192

/**
 * Which services count a request, and how: worked out once for each method, host and path, found
 * again by the bytes of the line without making a string of them.
 */
export class Targets {
  readonly #counters: readonly ServiceCounter[]
  readonly #bytes: Buffer
  readonly #view: DataView
  readonly #keys = new DataView(new ArrayBuffer(entries * keyBytes))
  readonly #sizes = new Uint8Array(entries)
  readonly #targets: (readonly Target[])[] = Array.from({ length: entries }, () => [])

  /** @param bytes - the buffer that the scanner reads, with 16 bytes to spare */
  constructor(counters: readonly ServiceCounter[], bytes: Buffer) {
    this.#counters = counters
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
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
    const size = line.pathTo - from
    if (size <= 0 || size > keyBytes || line.hostFrom < from || line.hostFrom > line.pathFrom)
      return this.#workOut(line)
    const entry = this.#entryOf(from, size)
    const slot = entry * keyBytes
    if (this.#sizes[entry] !== size || !this.#holds(slot, from, size)) {
      this.#targets[entry] = this.#workOut(line)
      this.#sizes[entry] = size
      for (let at = 0; at < size; at++) this.#keys.setUint8(slot + at, this.#bytes[from + at]!)
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

  #entryOf(from: number, size: number): number {
    const view = this.#view
    const whole = from + (size & ~3)
    let hash = size
    for (let at = from; at < whole; at += 4) hash = mix(hash, view.getInt32(at, true))
    if ((size & 3) !== 0) hash = mix(hash, view.getInt32(whole, true) & ((1 << (8 * (size & 3))) - 1))
    return (hash ^ (hash >>> 15)) & (entries - 1)
  }

  #holds(slot: number, from: number, size: number): boolean {
    const whole = size & ~3
    for (let at = 0; at < whole; at += 4) {
      if (this.#keys.getInt32(slot + at, true) !== this.#view.getInt32(from + at, true)) return false
    }
    for (let at = whole; at < size; at++) {
      if (this.#keys.getUint8(slot + at) !== this.#bytes[from + at]) return false
    }
    return true
  }
}

const mix = (hash: number, value: number): number => {
  const mixed = Math.imul(hash ^ value, 0x5bd1e995)
  return mixed ^ (mixed >>> 13)
}
