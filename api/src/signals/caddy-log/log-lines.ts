import { classHeader, readClassClaim } from '../class-header.rules.ts'
import { LineScanner } from './line-scanner.ts'
import type { LogReading, SourceCounts } from './options.ts'
import { parseLine, type LineFormat } from './parse-line.rules.ts'
import type { ByteRange } from './ranges.rules.ts'
import { ServiceCounter, type Claim, type LoggedRequest, type Tally, type Target } from './service-counter.ts'
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

/** What has become of lines, whoever wanted them. */
export interface LinesTally {
  read: number
  bytes: number
  /** Lines that the scanner left to the parser. */
  jsonFallback: number
  skipped: SkipCounts
}

/** All tallies at one moment. */
export interface Tallies {
  readonly lines: LinesTally
  readonly services: readonly Tally[]
}

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
  /** So far, since this object was made. */
  tally: LinesTally = { read: 0, bytes: 0, jsonFallback: 0, skipped: {} }

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
  /** Whether some bytes have been counted before. */
  #leavesOut = false

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
   * @param counted - by counter: ranges of the file whose lines have been counted before
   */
  seek(offset: number, counted: readonly (readonly ByteRange[])[] = []): void {
    this.#from = this.#to = this.#searched = 0
    this.#offset = offset
    this.#overlong = false
    this.#givenUpBytes = 0
    this.#leavesOut = counted.some((ranges) => ranges.length > 0)
    for (const [i, counter] of this.counters.entries()) counter.leaveOut(counted[i] ?? [])
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
    this.tally.bytes += sizeBytes
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
      this.tally.read++
      const reason = this.#isCounted() ? this.#leaveOut() : this.#parse(this.#to)
      if (reason !== null) this.#skip(reason === 'not_json' || reason === 'invalid_utf8' ? 'cut_off' : reason)
    }
    this.#advance(this.#to)
  }

  tallies(): Tallies {
    return {
      lines: { ...this.tally, skipped: { ...this.tally.skipped } },
      services: this.counters.map(({ tally }) => ({ ...tally, skipped: { ...tally.skipped } }))
    }
  }

  /** Forgets what was counted since the tallies were like this, slices included. */
  forgetSince({ lines, services }: Tallies): void {
    this.tally = { ...lines, skipped: { ...lines.skipped } }
    for (const [i, counter] of this.counters.entries()) {
      counter.accumulator.drain()
      counter.tally = { ...services[i]!, skipped: { ...services[i]!.skipped } }
    }
  }

  /** What {@link SourceCounts} says of one service; lines that went to no counter were filtered. */
  countsOf(counter: ServiceCounter, dropped = 0): SourceCounts {
    const { counted, late, aborted, unsignedClaims, alreadyCounted } = counter.tally
    const { read, bytes, jsonFallback } = this.tally
    const skipped = { ...this.tally.skipped, ...counter.tally.skipped }
    const filtered = read - alreadyCounted - counted - sumOf(skipped)
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
    this.tally.read++
    if (wasCounted) this.#leaveOut()
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
    return this.#leavesOut && this.counters.every((counter) => counter.hasCounted(this.#offset))
  }

  #leaveOut(): null {
    for (const { tally } of this.counters) tally.alreadyCounted++
    return null
  }

  #count(target: Target, line: LoggedRequest, release: string, claim: Claim): void {
    const { counter } = target
    if (this.#leavesOut && counter.hasCounted(this.#offset)) counter.tally.alreadyCounted++
    else counter.record(target, line, release, claim)
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
      this.#count(target, line, release, claim)
    }
  }

  /** Counts an access log line. @returns null, or why it is none */
  #parse(end: number): SkipReason | null {
    if (end === this.#from) return 'blank'
    this.tally.jsonFallback++
    const line = parseLine(this.#bytes.subarray(this.#from, end), this.#format)
    if (typeof line === 'string') return line
    const claim = line.classClaim === '' ? undefined : this.#claimOf(line.classClaim)
    for (const target of this.#targets.of(line.method, line.host, line.path)) {
      this.#count(target, line, line.releases[this.#headerOf(target)]!, claim)
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
    return this.#bytes.toString('latin1', from, to)
  }

  #skip(reason: SkipReason): void {
    countSkipped(this.tally.skipped, reason)
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
        this.tally.read++
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

const sumOf = (counts: SkipCounts): number => Object.values(counts).reduce((sum, count) => sum + count, 0)
