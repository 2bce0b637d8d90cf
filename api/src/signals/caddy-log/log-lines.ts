import { classHeader, readClassClaim } from '../class-header.rules.ts'
import { LineScanner } from './line-scanner.ts'
import type { LogReading, SourceCounts } from './options.ts'
import { parseLine, type LineFormat } from './parse-line.rules.ts'
import type { ByteRange } from './ranges.rules.ts'
import { ServiceCounter, type Claim, type Target } from './service-counter.ts'
import { ShortStrings } from './short-strings.ts'
import { countSkipped, type SkipCounts, type SkipReason } from './skip-reason.ts'
import { Targets } from './targets.ts'

/** Read at a time: large enough that reading costs little, small enough to stay in the processor's cache. */
const defaultChunkBytes = 512 * 1_024

/** Longest line that is read as one: Caddy takes headers of 1 MB, and escaping may multiply them. */
export const defaultMaxLineBytes = 8 * 1_024 * 1_024

/** The scanner looks ahead by up to four words. */
const spareBytes = 32

const newline = 10

/** Claims are few: the same signed value is sent for minutes. */
const maxClaims = 1_000

export interface LogLinesOptions {
  readonly maxLineBytes?: number
  readonly chunkBytes?: number
}

/**
 * Bytes of a log in, counted requests out: cuts lines, reads each by the scanner or else the
 * parser, and gives it to the services that want it. Knows where in the file it is, and leaves out
 * bytes that were counted before.
 */
export class LogLines {
  readonly counters: readonly ServiceCounter[]
  read = 0
  bytes = 0
  jsonFallback = 0
  /** Lines inside the ranges given to {@link LogLines.seek}. */
  alreadyCounted = 0
  skipped: SkipCounts = {}

  readonly #format: LineFormat
  readonly #classKeys: LogReading['classKeys']
  readonly #releaseIndex: readonly number[]
  readonly #maxLineBytes: number
  readonly #claims = new Map<string, Claim>()
  #bytes!: Buffer
  #scanner!: LineScanner
  #targets!: Targets
  #releases!: ShortStrings
  /** Bytes of the buffer that hold input: of these, those before `#from` are done with. */
  #from = 0
  #to = 0
  /** No line end in the buffer before this. */
  #searched = 0
  /** Offset in the file of `#from`. */
  #offset = 0
  /** Inside a line that was too long to keep: skip to its end. */
  #overlong = false
  /** Length so far of a line that was too long to keep. */
  #givenUpBytes = 0
  #counted: readonly ByteRange[] = []
  #nextCounted = 0

  constructor(reading: LogReading, options: LogLinesOptions = {}) {
    this.counters = reading.services.map((service) => new ServiceCounter(service, reading))
    const releaseHeaders = [...new Set(this.counters.map(({ releaseHeader }) => releaseHeader))]
    this.#releaseIndex = this.counters.map(({ releaseHeader }) => releaseHeaders.indexOf(releaseHeader))
    this.#format = { releaseHeaders, classHeader, durationUnit: reading.durationUnit ?? 's' }
    this.#classKeys = reading.classKeys
    this.#maxLineBytes = options.maxLineBytes ?? defaultMaxLineBytes
    this.#useBuffer(Buffer.allocUnsafeSlow((options.chunkBytes ?? defaultChunkBytes) + spareBytes))
  }

  /** Offset in the file behind the last line that was dealt with: where to go on after a restart. */
  get offset(): number {
    return this.#offset - this.#givenUpBytes
  }

  /** Bytes taken in that belong to no complete line yet. */
  get pendingBytes(): number {
    return this.#to - this.#from
  }

  /**
   * Goes to another place, forgetting input not dealt with.
   *
   * @param counted - ranges of the file, sorted and apart, whose lines have been counted before
   */
  seek(offset: number, counted: readonly ByteRange[] = []): void {
    this.#from = this.#to = this.#searched = 0
    this.#offset = offset
    this.#overlong = false
    this.#givenUpBytes = 0
    this.#counted = counted
    this.#nextCounted = 0
  }

  /** Says what time it is; to be called before each burst of lines. */
  setTime(nowMs: number): void {
    for (const { accumulator } of this.counters) accumulator.setTime(nowMs)
  }

  /** Room for more input, never empty: fill it from its start, then say {@link took}. Call {@link step} until it has no more. */
  room(): Buffer {
    if (this.#from > 0 && this.#bytes.length - spareBytes - this.#to < this.#bytes.length >> 1) this.#moveToFront()
    if (this.#to === this.#bytes.length - spareBytes) this.#makeRoom()
    return this.#bytes.subarray(this.#to, this.#bytes.length - spareBytes)
  }

  took(sizeBytes: number): void {
    this.#to += sizeBytes
    this.bytes += sizeBytes
  }

  /**
   * Deals with complete lines.
   *
   * @param maxLines - at most this many, so that others get a turn
   * @returns whether complete lines are left
   */
  step(maxLines: number): boolean {
    for (let lines = 0; lines < maxLines; lines++) {
      if (!this.#line()) return false
    }
    return true
  }

  /** The input has ended: a last line without line end counts if it is complete by itself. */
  finish(): void {
    if (this.#overlong) this.#overlong = false
    else if (this.#to > this.#from) {
      this.read++
      const reason = this.#isCounted() ? 'already_counted' : this.#parse(this.#to)
      if (reason === 'already_counted') this.alreadyCounted++
      else if (reason !== null) this.#skip(reason === 'not_json' || reason === 'invalid_utf8' ? 'cut_off' : reason)
    }
    this.#advance(this.#to)
  }

  /** What {@link SourceCounts} says of one service; lines that went to no counter were filtered. */
  countsOf(counter: ServiceCounter, dropped = 0): SourceCounts {
    const { counted, late, aborted, unsignedClaims } = counter
    const skipped = { ...this.skipped, ...counter.skipped }
    const left = Object.values(skipped).reduce((sum, count) => sum + count, 0)
    const { read, bytes, jsonFallback } = this
    const filtered = read - this.alreadyCounted - left - counted
    return { read, counted, filtered, late, aborted, dropped, unsignedClaims, jsonFallback, bytes, skipped }
  }

  #line(): boolean {
    const from = this.#from
    if (from === this.#to) return false
    const leaveOut = this.#overlong || this.#isCounted()
    // The scanner finds the line end by itself, unless the line began in input that came before.
    let end = leaveOut || this.#searched > from ? this.#lineEnd() : -1
    if (end < 0 && (leaveOut || this.#searched > from)) return false
    const scanned = leaveOut ? -1 : this.#scanner.scan(from)
    // What lies behind the input is left over from earlier input: a line that reaches into it is not complete.
    const isScanned = scanned >= 0 && scanned < this.#to
    if (isScanned) end = scanned
    else if (end < 0) end = this.#lineEnd()
    if (end < 0) return false
    if (this.#overlong) this.#overlong = false
    else this.#take(end, leaveOut, isScanned)
    this.#advance(end + 1)
    return true
  }

  #take(end: number, wasCounted: boolean, isScanned: boolean): void {
    this.read++
    if (wasCounted) this.alreadyCounted++
    else if (isScanned) this.#countScanned()
    else {
      const reason = this.#parse(end)
      if (reason !== null) this.#skip(reason)
    }
  }

  #lineEnd(): number {
    const end = this.#bytes.indexOf(newline, Math.max(this.#searched, this.#from))
    if (end >= 0 && end < this.#to) return end
    this.#searched = this.#to
    return -1
  }

  #advance(to: number): void {
    this.#offset += to - this.#from
    this.#givenUpBytes = this.#overlong ? this.#givenUpBytes + to - this.#from : 0
    this.#from = to
    this.#searched = Math.max(this.#searched, to)
    if (this.#from === this.#to) this.#from = this.#to = this.#searched = 0
  }

  #isCounted(): boolean {
    const counted = this.#counted
    while (this.#nextCounted < counted.length && counted[this.#nextCounted]![1] <= this.#offset) this.#nextCounted++
    return this.#nextCounted < counted.length && counted[this.#nextCounted]![0] <= this.#offset
  }

  #countScanned(): void {
    const line = this.#scanner
    const targets = this.#targets.ofScanned(line)
    if (targets.length === 0) return
    const claim = line.classTo > line.classFrom ? this.#claimOf(this.#text(line.classFrom, line.classTo)) : undefined
    for (let i = 0; i < targets.length; i++) {
      const target = targets[i]!
      const header = this.#headerOf(target)
      const from = line.releaseFrom[header]!
      const release = from === 0 ? '' : this.#releases.of(from, line.releaseTo[header]!)
      target.counter.record(target, line, release, claim)
    }
  }

  /** Counts an access log line. @returns null, or why it is none */
  #parse(end: number): SkipReason | null {
    if (end === this.#from) return 'blank'
    this.jsonFallback++
    const line = parseLine(this.#bytes.subarray(this.#from, end), this.#format)
    if (typeof line === 'string') return line
    const claim = line.classClaim === '' ? undefined : this.#claimOf(line.classClaim)
    for (const target of this.#targets.of(line.method, line.host, line.path)) {
      target.counter.record(target, line, line.releases[this.#headerOf(target)]!, claim)
    }
    return null
  }

  #headerOf({ counter }: Target): number {
    return this.#format.releaseHeaders.length === 1 ? 0 : this.#releaseIndex[this.counters.indexOf(counter)]!
  }

  #claimOf(header: string): Claim {
    let claim = this.#claims.get(header)
    if (claim === undefined) {
      if (this.#claims.size >= maxClaims) this.#claims.clear()
      claim = readClassClaim(header, this.#classKeys)
      this.#claims.set(header, claim)
    }
    return claim
  }

  #text(from: number, to: number): string {
    return this.#bytes.latin1Slice(from, to)
  }

  #skip(reason: SkipReason): void {
    countSkipped(this.skipped, reason)
  }

  #moveToFront(): void {
    this.#bytes.copyWithin(0, this.#from, this.#to)
    this.#to -= this.#from
    this.#searched -= this.#from
    this.#from = 0
  }

  /** One line fills the buffer: a larger one, or the line is given up. */
  #makeRoom(): void {
    if (this.#overlong || this.#to >= this.#maxLineBytes) {
      if (!this.#overlong) {
        this.read++
        this.#skip('too_long')
      }
      this.#overlong = true
      this.#advance(this.#to)
      return
    }
    const held = this.#bytes.subarray(0, this.#to)
    this.#useBuffer(Buffer.allocUnsafeSlow(Math.min(this.#maxLineBytes, held.length * 2) + spareBytes))
    held.copy(this.#bytes)
  }

  #useBuffer(bytes: Buffer): void {
    // Line ends behind the input: the scanner never runs past them.
    bytes.fill(newline, bytes.length - spareBytes)
    this.#bytes = bytes
    this.#scanner = new LineScanner(bytes, this.#format)
    this.#targets = new Targets(this.counters, bytes)
    this.#releases = new ShortStrings(bytes)
  }
}
