import { createReadStream, type BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'
import { openNamedFile } from '../../platform/guard/path-guard.ts'
import { maxHeadBytes } from './log-ranges.ts'
import { readTimeMs } from './formats.rules.ts'

const newline = 10
const gzipMagic = [0x1f, 0x8b] as const

/** One file of a log, plain or packed, read from front to back. */
export interface LogSegment {
  readonly path: string
  /** Device and inode; of a packed file those of the packed one. */
  readonly identity: string
  readonly packed: boolean
  /** First line without its end; null while there is none. */
  readonly head: Buffer | null
  /** Time of the first line, Unix milliseconds; null when it has none. */
  readonly firstMs: number | null
  /** Reads bytes that follow those read before; 0: there are no more now. */
  read(into: Buffer): Promise<number>
  /** Goes on reading at an offset of the unpacked content. */
  seek(offset: number): Promise<void>
  /** Bytes there are now; null when it is packed. */
  sizeBytes(): Promise<number | null>
  /** Looks for the first line while there is none; `complete`: nothing will be added any more. */
  findHead(complete: boolean): Promise<void>
  /** Whether other content stands in the file now: it was truncated, and perhaps written anew. */
  wasReplaced(): Promise<boolean>
  close(): Promise<void>
}

/** Device and inode: what a file keeps when it is renamed. */
export const identityOf = ({ dev, ino }: Pick<BigIntStats, 'dev' | 'ino'>): string => `${dev}:${ino}`

/** What a file must be to be followed. */
export class NotAFile extends Error {
  readonly code = 'NOT_A_FILE'
}

/**
 * Opens a file of a log.
 *
 * @throws the error of the file system, PathForbidden, or {@link NotAFile}
 */
export async function openSegment(path: string): Promise<LogSegment> {
  const handle = await openNamedFile(path)
  try {
    const stat = await handle.stat({ bigint: true })
    if (!stat.isFile()) throw new NotAFile(`${path} is not a file`)
    const start = await readAt(handle, gzipMagic.length, 0)
    const packed = gzipMagic.every((byte, i) => start[i] === byte)
    if (packed) {
      await handle.close()
      return await PackedSegment.open(path, identityOf(stat))
    }
    const segment = new PlainSegment(path, stat, handle)
    await segment.findHead(false)
    return segment
  } catch (error) {
    await handle.close().catch(() => {})
    throw error
  }
}

class PlainSegment implements LogSegment {
  readonly path: string
  readonly identity: string
  readonly packed = false
  head: Buffer | null = null
  firstMs: number | null = null
  readonly #handle: FileHandle
  readonly #openedMtimeNs: bigint
  #offset = 0

  constructor(path: string, stat: BigIntStats, handle: FileHandle) {
    this.path = path
    this.identity = identityOf(stat)
    this.#handle = handle
    this.#openedMtimeNs = stat.mtimeNs
  }

  async read(into: Buffer): Promise<number> {
    const { bytesRead } = await this.#handle.read(into, 0, into.length, this.#offset)
    this.#offset += bytesRead
    return bytesRead
  }

  seek(offset: number): Promise<void> {
    this.#offset = offset
    return Promise.resolve()
  }

  async sizeBytes(): Promise<number> {
    return (await this.#handle.stat()).size
  }

  async findHead(complete: boolean): Promise<void> {
    if (this.head !== null) return
    const start = await readAt(this.#handle, maxHeadBytes, 0)
    this.head = headOf(start) ?? (complete && start.length > 0 ? start : null)
    this.firstMs = this.head && firstTimeMs(this.head)
  }

  async wasReplaced(): Promise<boolean> {
    const { size, mtimeNs } = await this.#handle.stat({ bigint: true })
    if (size < this.#offset) return true
    // Empty as it was, but written to: what was written has been taken away again.
    if (this.head === null) return size === 0n && mtimeNs !== this.#openedMtimeNs
    // A kilobyte tells two files apart: time, address and port stand in front.
    const known = this.head.subarray(0, 1_024)
    return !known.equals(await readAt(this.#handle, known.length, 0))
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

class PackedSegment implements LogSegment {
  readonly path: string
  readonly identity: string
  readonly packed = true
  readonly head: Buffer | null
  readonly firstMs: number | null
  #chunks: AsyncIterator<Buffer> | null = null
  #rest: Buffer = Buffer.alloc(0)

  constructor(path: string, identity: string, head: Buffer | null) {
    this.path = path
    this.identity = identity
    this.head = head
    this.firstMs = head && firstTimeMs(head)
  }

  static async open(path: string, identity: string): Promise<PackedSegment> {
    const reader = new PackedSegment(path, identity, null)
    const start = Buffer.alloc(maxHeadBytes)
    let filled = 0
    try {
      for (let n = -1; n !== 0 && filled < start.length && !start.subarray(0, filled).includes(newline); filled += n) {
        n = await reader.read(start.subarray(filled))
      }
    } finally {
      await reader.close()
    }
    return new PackedSegment(path, identity, headOf(start.subarray(0, filled)))
  }

  async read(into: Buffer): Promise<number> {
    this.#chunks ??= unpacked(this.path)
    while (this.#rest.length === 0) {
      const { done, value } = await this.#chunks.next()
      if (done) return 0
      this.#rest = value
    }
    const size = this.#rest.copy(into)
    this.#rest = this.#rest.subarray(size)
    return size
  }

  async seek(offset: number): Promise<void> {
    await this.close()
    const skipped = Buffer.allocUnsafe(256 * 1_024)
    for (let left = offset; left > 0;) {
      const size = await this.read(skipped.subarray(0, Math.min(left, skipped.length)))
      if (size === 0) return
      left -= size
    }
  }

  sizeBytes(): Promise<null> {
    return Promise.resolve(null)
  }

  findHead(): Promise<void> {
    return Promise.resolve()
  }

  wasReplaced(): Promise<boolean> {
    return Promise.resolve(false)
  }

  async close(): Promise<void> {
    await this.#chunks?.return?.()
    this.#chunks = null
    this.#rest = Buffer.alloc(0)
  }
}

async function* unpacked(path: string): AsyncGenerator<Buffer, void> {
  const packed = createReadStream(path, { highWaterMark: 256 * 1_024 })
  const unzip = createGunzip({ chunkSize: 256 * 1_024 })
  packed.on('error', (error) => unzip.destroy(error))
  try {
    yield* packed.pipe(unzip) as AsyncIterable<Buffer>
  } finally {
    packed.destroy()
  }
}

const readAt = async (handle: FileHandle, sizeBytes: number, at: number): Promise<Buffer> => {
  const bytes = Buffer.alloc(sizeBytes)
  const { bytesRead } = await handle.read(bytes, 0, sizeBytes, at)
  return bytes.subarray(0, bytesRead)
}

/** The first line of what a file begins with; null while it is not complete. */
export const headOf = (start: Buffer): Buffer | null => {
  const end = start.indexOf(newline)
  if (end >= 0) return Buffer.from(start.subarray(0, end))
  return start.length >= maxHeadBytes ? Buffer.from(start.subarray(0, maxHeadBytes)) : null
}

const firstTimeMs = (head: Buffer): number | null => {
  try {
    return readTimeMs((JSON.parse(head.toString('utf8').replace(/^\uFEFF/, '')) as { ts?: unknown }).ts)
  } catch {
    return null
  }
}
