/** Where a followed log has been read to, as it is stored with the counts. */
export interface LogPosition {
  /** Device and inode of the file. */
  readonly identity: string
  /** SHA-256 of its first line (hex); null while it had none. */
  readonly head: string | null
  /** Bytes of its unpacked content that are dealt with. */
  readonly offset: number
  /** Time of its first line, Unix milliseconds: files it was rotated to later begin later. */
  readonly firstMs: number | null
  /** When this was written, Unix milliseconds. */
  readonly atMs: number
}

const version = 1

export const formatPosition = (position: LogPosition): string => JSON.stringify({ v: version, ...position })

/**
 * Reads a stored position.
 *
 * @throws RangeError when it is none, or of a later version of Plimsoll
 */
export function parsePosition(text: string): LogPosition {
  const { v, identity, head, offset, firstMs, atMs } = JSON.parse(text) as Partial<LogPosition> & { v?: number }
  const isPosition =
    v === version &&
    typeof identity === 'string' &&
    (head === null || typeof head === 'string') &&
    Number.isSafeInteger(offset) &&
    (firstMs === null || typeof firstMs === 'number') &&
    typeof atMs === 'number'
  if (!isPosition) throw new RangeError(`the stored position is not understood: ${text}`)
  return { identity, head, offset: offset!, firstMs, atMs }
}
