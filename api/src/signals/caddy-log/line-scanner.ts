import { maxDurationUs } from './formats.rules.ts'
import type { LineFormat } from './parse-line.rules.ts'

const quote = 34
const comma = 44
const minus = 45
const point = 46
const slash = 47
const zero = 48
const nine = 57
const colon = 58
const openArray = 91
const backslash = 92
const closeArray = 93
const openObject = 123
const closeObject = 125

/** Deeper nesting than any field of Caddy's is left to the parser, as is every other doubt. */
const maxDepth = 16

/** 1 for what may follow a backslash, `u` apart. */
const escapable = Uint8Array.from({ length: 256 }, (_, byte) =>
  '"\\/bfnrt'.includes(String.fromCharCode(byte)) ? 1 : 0
)

const hexDigit = Uint8Array.from({ length: 256 }, (_, byte) => (/[0-9a-fA-F]/.test(String.fromCharCode(byte)) ? 1 : 0))

const powersOf10 = Float64Array.from({ length: 19 }, (_, power) => Number(`1e${power}`))

/** Four letters as one little-endian integer, to compare them at once. */
const four = (letters: string): number => Buffer.from(letters, 'latin1').readInt32LE()

const word = {
  requ: four('requ'),
  uest: four('uest'),
  stat: four('stat'),
  tus: four('tus"'),
  dura: four('dura'),
  tion: four('tion'),
  resp: four('resp'),
  head: four('head'),
  ders: four('ders'),
  ers: four('ers"'),
  msg: four('msg"'),
  ts: four('ts":'),
  uri: four('uri"'),
  host: four('host'),
  meth: four('meth'),
  od: four('od":'),
  hand: four('hand'),
  led: four('led '),
  opensList: four('":["'),
  nextHeader: four('"],"'),
  true: four('true'),
  null: four('null'),
  alse: four('alse')
}

/** Fields of a line: each may come once, and these must come. */
const seenTs = 1
const seenMsg = 2
const seenRequest = 4
const seenDuration = 8
const seenStatus = 16
const seenMethod = 32
const seenHost = 64
const seenUri = 128
const required = 255
const seenReplyHeaders = 256
const seenHeaders = 512

/**
 * Reads access log lines in place: every byte is checked once, nothing is allocated. It knows the
 * JSON that Caddy writes: no white space, ASCII, plain decimals. A line that is anything else, or
 * holds a field twice, or a wanted value with an escape in it, is not read: the caller parses it.
 * So what a client puts into a header or a URI is never taken for a field.
 *
 * Whatever it reads, it reads as {@link parseLine} does; a test holds the two equal.
 */
export class LineScanner {
  atMs = 0
  status = 0
  durationUs = 0
  // Bytes of the buffer, from inclusive, to exclusive.
  methodFrom = 0
  methodTo = 0
  hostFrom = 0
  hostTo = 0
  pathFrom = 0
  pathTo = 0
  /** Equal when the request claimed no class. */
  classFrom = 0
  classTo = 0
  /** One pair per release header asked for; equal when the reply had none. */
  readonly releaseFrom: Int32Array
  readonly releaseTo: Int32Array

  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #releaseNames: readonly Uint8Array[]
  readonly #classNames: readonly Uint8Array[]
  readonly #classFrom = new Int32Array(1)
  readonly #classTo = new Int32Array(1)
  /** Bit n modulo 32 is set when a name has n letters: most headers are none of those looked for. */
  readonly #releaseSizes: number
  readonly #classSizes: number
  readonly #unitNs: number
  #seen = 0
  /** Strings with an escape met so far: tells whether the last one had any. */
  #escaped = 0

  /**
   * @param bytes - the buffer that lines are read in; at least 16 bytes must follow the last line end
   */
  constructor(bytes: Uint8Array, format: LineFormat) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#releaseNames = format.releaseHeaders.map((name) => Buffer.from(name, 'latin1'))
    this.#classNames = [Buffer.from(format.classHeader, 'latin1')]
    this.#releaseSizes = sizesOf(this.#releaseNames)
    this.#classSizes = sizesOf(this.#classNames)
    this.releaseFrom = new Int32Array(this.#releaseNames.length)
    this.releaseTo = new Int32Array(this.#releaseNames.length)
    this.#unitNs = { s: 1e9, ms: 1e6, ns: 1 }[format.durationUnit]
  }

  /**
   * Reads the line that begins at `from`.
   *
   * @returns index of its line end (`\n`), or -1 when it has to be parsed; the fields mean nothing then
   */
  scan(from: number): number {
    const bytes = this.#bytes
    const view = this.#view
    if (bytes[from] !== openObject) return -1
    this.#seen = 0
    this.#classFrom[0] = this.#classTo[0] = 0
    this.releaseFrom.fill(0)
    this.releaseTo.fill(0)
    let at = from + 1
    for (;;) {
      if (bytes[at] !== quote) return -1
      const key = at + 1
      at = this.#plainEnd(key)
      if (at < 0 || bytes[at + 1] !== colon) return -1
      const size = at - key
      const value = at + 2
      const head = view.getInt32(key, true)
      if (size === 7 && head === word.requ && view.getInt32(key + 3, true) === word.uest) at = this.#request(value)
      else if (size === 6 && head === word.stat && view.getInt32(key + 3, true) === word.tus) at = this.#status(value)
      else if (size === 8 && head === word.dura && view.getInt32(key + 4, true) === word.tion)
        at = this.#duration(value)
      else if (size === 2 && head === word.ts) at = this.#time(value)
      else if (size === 3 && head === word.msg) at = this.#message(value)
      else if (
        size === 12 &&
        head === word.resp &&
        bytes[key + 4] === 95 &&
        view.getInt32(key + 5, true) === word.head &&
        view.getInt32(key + 8, true) === word.ders
      ) {
        at = this.#once(seenReplyHeaders)
          ? this.#headers(value, this.#releaseNames, this.releaseFrom, this.releaseTo)
          : -1
      } else at = this.#value(value, 1)
      if (at < 0) return -1
      const next = bytes[at++]
      if (next === comma) continue
      if (next !== closeObject || (this.#seen & required) !== required) return -1
      if (bytes[at] === 13) at++
      if (bytes[at] !== 10) return -1
      this.classFrom = this.#classFrom[0]!
      this.classTo = this.#classTo[0]!
      return at
    }
  }

  #once(field: number): boolean {
    if ((this.#seen & field) !== 0) return false
    this.#seen |= field
    return true
  }

  #request(from: number): number {
    const bytes = this.#bytes
    const view = this.#view
    if (!this.#once(seenRequest) || bytes[from] !== openObject) return -1
    let at = from + 1
    for (;;) {
      if (bytes[at] !== quote) return -1
      const key = at + 1
      at = this.#plainEnd(key)
      if (at < 0 || bytes[at + 1] !== colon) return -1
      const size = at - key
      const value = at + 2
      const head = view.getInt32(key, true)
      if (size === 7 && head === word.head && view.getInt32(key + 4, true) === word.ers) {
        at = this.#once(seenHeaders) ? this.#headers(value, this.#classNames, this.#classFrom, this.#classTo) : -1
      } else if (size === 3 && head === word.uri) {
        at = this.#uri(value)
      } else if (size === 4 && head === word.host) {
        at = this.#once(seenHost) && bytes[value] === quote ? this.#plainEnd(value + 1) : -1
        this.hostFrom = value + 1
        this.hostTo = at++
        if (at === 0) return -1
      } else if (size === 6 && head === word.meth && view.getInt32(key + 4, true) === word.od) {
        at = this.#once(seenMethod) && bytes[value] === quote ? this.#plainEnd(value + 1) : -1
        this.methodFrom = value + 1
        this.methodTo = at++
        if (at === 0) return -1
      } else at = this.#value(value, 2)
      if (at < 0) return -1
      const next = bytes[at++]
      if (next === comma) continue
      return next === closeObject ? at : -1
    }
  }

  #uri(from: number): number {
    const bytes = this.#bytes
    if (!this.#once(seenUri) || bytes[from] !== quote || bytes[from + 1] !== slash) return -1
    const end = this.#plainEnd(from + 1)
    if (end < 0) return -1
    let to = from + 1
    while (to < end && bytes[to] !== 63 && bytes[to] !== 35) to++
    this.pathFrom = from + 1
    this.pathTo = to
    return end + 1
  }

  /** Headers as Caddy writes them, `{"Name":["value"],…}`; other shapes are checked but not read. */
  #headers(from: number, names: readonly Uint8Array[], foundFrom: Int32Array, foundTo: Int32Array): number {
    const sizes = names === this.#classNames ? this.#classSizes : this.#releaseSizes
    const bytes = this.#bytes
    const view = this.#view
    if (bytes[from] !== openObject) return -1
    let at = from + 1
    if (bytes[at] === closeObject) return at + 1
    for (;;) {
      if (bytes[at] !== quote) return -1
      const key = at + 1
      at = plainUntil(view, key)
      if (bytes[at] !== quote) return -1
      const wanted = ((sizes >>> (at - key)) & 1) === 0 ? -1 : this.#indexOf(names, key, at - key)
      if (view.getInt32(at, true) === word.opensList) {
        const escaped = this.#escaped
        const value = at + 4
        at = plainUntil(view, value)
        if (bytes[at] !== quote) at = this.#escapedEnd(at)
        if (at < 0) return -1
        if (wanted >= 0) {
          if (foundFrom[wanted] !== 0 || this.#escaped !== escaped) return -1
          foundFrom[wanted] = value
          foundTo[wanted] = at
        }
        if (view.getInt32(at, true) === word.nextHeader) {
          at += 3
          continue
        }
        at = this.#restOfList(at + 1)
      } else {
        if (wanted >= 0 || bytes[at + 1] !== colon) return -1
        at = this.#value(at + 2, 3)
      }
      if (at < 0) return -1
      const next = bytes[at++]
      if (next === comma) continue
      return next === closeObject ? at : -1
    }
  }

  /** Which of `names` a key is, whatever its case; -1 for none. */
  #indexOf(names: readonly Uint8Array[], key: number, size: number): number {
    const bytes = this.#bytes
    for (let index = 0; index < names.length; index++) {
      const name = names[index]!
      if (name.length !== size) continue
      let same = 0
      while (same < name.length && lowerCase(bytes[key + same]!) === name[same]) same++
      if (same === name.length) return index
    }
    return -1
  }

  #status(from: number): number {
    const bytes = this.#bytes
    if (!this.#once(seenStatus)) return -1
    let at = from
    let status = 0
    for (; at < from + 3 && isDigit(bytes[at]!); at++) status = status * 10 + bytes[at]! - zero
    if (at === from || (bytes[from] === zero && at > from + 1) || !endsNumber(bytes[at]!)) return -1
    this.status = status
    return at
  }

  #duration(from: number): number {
    const bytes = this.#bytes
    if (!this.#once(seenDuration)) return -1
    let at = from
    let digits = 0
    while (isDigit(bytes[at]!)) digits = digits * 10 + bytes[at++]! - zero
    if (at === from || (bytes[from] === zero && at > from + 1)) return -1
    let decimals = 0
    if (bytes[at] === point) {
      const first = ++at
      while (isDigit(bytes[at]!)) digits = digits * 10 + bytes[at++]! - zero
      decimals = at - first
      if (decimals === 0) return -1
    }
    // Up to 2^53 both parts are exact, so the quotient is the very double that JSON.parse gives.
    if (at - from > 18 || digits > Number.MAX_SAFE_INTEGER || !endsNumber(bytes[at]!)) return -1
    const ns = Math.floor((digits / powersOf10[decimals]!) * this.#unitNs + 0.5)
    this.durationUs = Math.min(maxDurationUs, Math.ceil(ns / 1_000))
    return at
  }

  /** Unix seconds of ten digits (2001 to 2286) and any decimals, of which three count. */
  #time(from: number): number {
    const bytes = this.#bytes
    if (!this.#once(seenTs) || bytes[from] === zero) return -1
    let at = from
    let seconds = 0
    for (; at < from + 10 && isDigit(bytes[at]!); at++) seconds = seconds * 10 + bytes[at]! - zero
    if (at !== from + 10) return -1
    let ms = 0
    if (bytes[at] === point) {
      const first = ++at
      while (isDigit(bytes[at]!)) at++
      const decimals = at - first
      if (decimals === 0) return -1
      ms = (bytes[first]! - zero) * 100
      if (decimals > 1) ms += (bytes[first + 1]! - zero) * 10
      if (decimals > 2) ms += bytes[first + 2]! - zero
      // So near the next millisecond that a double may have reached it.
      if (decimals > 5 && bytes[first + 3] === nine && bytes[first + 4] === nine && bytes[first + 5] === nine) return -1
    }
    if (!endsNumber(bytes[at]!)) return -1
    this.atMs = seconds * 1_000 + ms
    return at
  }

  #message(from: number): number {
    const view = this.#view
    const says =
      this.#once(seenMsg) &&
      this.#bytes[from] === quote &&
      view.getInt32(from + 1, true) === word.hand &&
      view.getInt32(from + 5, true) === word.led &&
      view.getInt32(from + 9, true) === word.requ &&
      view.getInt32(from + 12, true) === word.uest &&
      this.#bytes[from + 16] === quote
    return says ? from + 17 : -1
  }

  /** Any JSON value; returns where it ends. */
  #value(from: number, depth: number): number {
    const bytes = this.#bytes
    const first = bytes[from]!
    if (first === quote) {
      const end = this.#stringEnd(from + 1)
      return end < 0 ? -1 : end + 1
    }
    if (isDigit(first) || first === minus) return this.#number(from)
    if (first === openObject) return this.#object(from + 1, depth)
    if (first === openArray) return this.#list(from + 1, depth)
    const head = this.#view.getInt32(from, true)
    if (head === word.true || head === word.null) return from + 4
    return first === 102 && this.#view.getInt32(from + 1, true) === word.alse ? from + 5 : -1
  }

  #object(from: number, depth: number): number {
    const bytes = this.#bytes
    if (bytes[from] === closeObject) return from + 1
    if (depth > maxDepth) return -1
    let at = from
    for (;;) {
      if (bytes[at] !== quote) return -1
      at = this.#stringEnd(at + 1)
      if (at < 0 || bytes[at + 1] !== colon) return -1
      at = this.#value(at + 2, depth + 1)
      if (at < 0) return -1
      const next = bytes[at++]
      if (next === comma) continue
      return next === closeObject ? at : -1
    }
  }

  #list(from: number, depth: number): number {
    if (this.#bytes[from] === closeArray) return from + 1
    if (depth > maxDepth) return -1
    const end = this.#value(from, depth + 1)
    return end < 0 ? -1 : this.#restOfList(end)
  }

  /** From after an element of a list to after the list. */
  #restOfList(from: number): number {
    const bytes = this.#bytes
    let at = from
    while (bytes[at] === comma) {
      at = this.#value(at + 1, 4)
      if (at < 0) return -1
    }
    return bytes[at] === closeArray ? at + 1 : -1
  }

  #number(from: number): number {
    const bytes = this.#bytes
    let at = bytes[from] === minus ? from + 1 : from
    const first = at
    while (isDigit(bytes[at]!)) at++
    if (at === first || (bytes[first] === zero && at > first + 1)) return -1
    if (bytes[at] === point) {
      const decimals = ++at
      while (isDigit(bytes[at]!)) at++
      if (at === decimals) return -1
    }
    return endsNumber(bytes[at]!) ? at : -1
  }

  /** Where a string that holds no escape ends; -1 when it holds one. */
  #plainEnd(from: number): number {
    const at = plainUntil(this.#view, from)
    return this.#bytes[at] === quote ? at : -1
  }

  /** Where a string ends. */
  #stringEnd(from: number): number {
    const at = plainUntil(this.#view, from)
    return this.#bytes[at] === quote ? at : this.#escapedEnd(at)
  }

  #escapedEnd(from: number): number {
    const bytes = this.#bytes
    let at = from
    this.#escaped++
    while (bytes[at] === backslash) {
      if (escapable[bytes[at + 1]!] === 1) at += 2
      else if (bytes[at + 1] === 117 && isHex4(bytes, at + 2)) at += 6
      else return -1
      at = plainUntil(this.#view, at)
    }
    return bytes[at] === quote ? at : -1
  }
}

/**
 * First byte at or after `from` that does not stand for itself inside a string: a quote, a
 * backslash, a control character or anything but ASCII.
 *
 * Four bytes at a time: in each, the highest bit of `found` says so (bytes above such a one may be
 * wrongly marked, hence the lowest is taken). `x ^ 2` brings the quote, 34, next to the controls.
 */
const plainUntil = (view: DataView, from: number): number => {
  for (let at = from; ; at += 4) {
    const x = view.getInt32(at, true)
    const quotes = x ^ 0x02020202
    const backslashes = x ^ 0x5c5c5c5c
    const found = (((quotes - 0x21212121) & ~quotes) | ((backslashes - 0x01010101) & ~backslashes) | x) & 0x80808080
    if (found !== 0) return at + ((31 - Math.clz32(found & -found)) >> 3)
  }
}

const sizesOf = (names: readonly Uint8Array[]): number => names.reduce((sizes, { length }) => sizes | (1 << length), 0)

const isDigit = (byte: number): boolean => byte >= zero && byte <= nine

/** An exponent, or anything unforeseen, does not. */
const endsNumber = (byte: number): boolean => byte === comma || byte === closeObject || byte === closeArray

const lowerCase = (byte: number): number => (byte >= 65 && byte <= 90 ? byte + 32 : byte)

const isHex4 = (bytes: Uint8Array, at: number): boolean =>
  hexDigit[bytes[at]!] === 1 &&
  hexDigit[bytes[at + 1]!] === 1 &&
  hexDigit[bytes[at + 2]!] === 1 &&
  hexDigit[bytes[at + 3]!] === 1
