import type { Clock } from '../../platform/clock.ts'
import type { LogLines } from './log-lines.ts'
import type { LogSegment } from './log-segment.ts'

/** Longest work at a stretch, milliseconds: a request waits no longer for us. */
const maxStretchMs = 4

/** Few enough that a stretch ends in time even when the parser reads each. */
const linesAtOnce = 200

const newline = 10

/** Anything that gives bytes; 0: no more now. */
export interface ByteSource {
  read(into: Buffer): Promise<number>
}

/**
 * Reads once and deals with the lines that this completes, letting others have the event loop in
 * between.
 *
 * @returns bytes read
 */
export async function readInto(lines: LogLines, from: ByteSource, clock: Clock): Promise<number> {
  const sizeBytes = await from.read(lines.room())
  lines.took(sizeBytes)
  await dealWith(lines, clock)
  return sizeBytes
}

/** The same for bytes that are there already. */
export async function feed(lines: LogLines, bytes: Uint8Array, clock: Clock): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += take(lines, bytes.subarray(at))
    await dealWith(lines, clock)
  }
}

/** The same at one go, for sources that must not wait. */
export function feedNow(lines: LogLines, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    at += take(lines, bytes.subarray(at))
    while (lines.step(linesAtOnce));
  }
}

const take = (lines: LogLines, bytes: Uint8Array): number => {
  const room = lines.room()
  const taken = bytes.length > room.length ? bytes.subarray(0, room.length) : bytes
  room.set(taken)
  lines.took(taken.length)
  return taken.length
}

const dealWith = async (lines: LogLines, clock: Clock): Promise<void> => {
  lines.setTime(clock.nowMs())
  let sinceMs = clock.monotonicMs()
  while (lines.step(linesAtOnce)) {
    if (clock.monotonicMs() - sinceMs < maxStretchMs) continue
    await new Promise<void>((resolve) => setImmediate(resolve))
    sinceMs = clock.monotonicMs()
  }
}

/** Offset in a file behind its last complete line. */
export async function endOfLines(segment: LogSegment): Promise<number> {
  const window = Buffer.alloc(64 * 1_024)
  for (let end = (await segment.sizeBytes()) ?? 0; end > 0; end -= window.length) {
    const from = Math.max(0, end - window.length)
    await segment.seek(from)
    const found = window.subarray(0, await segment.read(window.subarray(0, end - from))).lastIndexOf(newline)
    if (found >= 0) return from + found + 1
  }
  return 0
}
