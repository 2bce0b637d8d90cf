import { messageOf } from '../../platform/errors.ts'
import type { SourceCounts } from './options.ts'

/** What went wrong, for the one who can mend it. */
export interface SourceError {
  readonly atMs: number
  /** Stable. */
  readonly code: string
  readonly text: string
  readonly hint: string
}

/**
 * `reading`: lines come, or have come within the last minute; `idle`: nothing is written, and that
 * is known; `waiting_for_file`: there is nothing to read yet; `broken`: we cannot know.
 */
export type SourceState = 'reading' | 'idle' | 'waiting_for_file' | 'broken'

export interface SourceStatus {
  readonly state: SourceState
  /** Whether what is lost on the way, or while nobody listens, is lost for good. */
  readonly delivery: 'exactly_once' | 'at_most_once'
  /** Why no events come: nothing happens, or something is broken; null while they come. */
  readonly silentBecause: 'idle' | 'broken' | null
  /** How old the newest event was when there was nothing more to read, or is while there is; null before the first. */
  readonly lagMs: number | null
  /** Bytes that are there and not dealt with; null when that cannot be told. */
  readonly behindBytes: number | null
  readonly lastEventMs: number | null
  readonly lastReadMs: number | null
  readonly counts: SourceCounts
  readonly lastError: SourceError | null
}

/** Silence longer than this is called idle, milliseconds. */
export const idleAfterMs = 60_000

const causes: Readonly<Record<string, { code: string; hint: string }>> = {
  ENOENT: { code: 'log_missing', hint: 'it is read as soon as it appears; is the path the one Caddy writes to?' },
  ENOTDIR: { code: 'log_missing', hint: 'a part of the path is a file, not a folder' },
  EACCES: {
    code: 'log_permission_denied',
    hint: "let Plimsoll's user read it: `mode 0640` in Caddy's log block, and membership of its group"
  },
  EPERM: { code: 'log_permission_denied', hint: "let Plimsoll's user read the file and enter its folder" },
  EISDIR: { code: 'log_not_a_file', hint: 'name the file, not its folder' },
  PATH_FORBIDDEN: {
    code: 'log_path_forbidden',
    hint: 'name the log itself; nothing below /proc, /sys and /dev is read'
  },
  NOT_A_FILE: { code: 'log_not_a_file', hint: 'name a regular file; for a socket use the TCP source' },
  ELOOP: { code: 'log_unreadable', hint: 'its symbolic links lead in a circle' },
  EIO: { code: 'log_unreadable', hint: 'the disk reports an error: see the kernel log' },
  EMFILE: { code: 'log_unreadable', hint: 'too many files are open: raise the limit (ulimit -n)' },
  Z_DATA_ERROR: { code: 'log_damaged', hint: 'the packed file is damaged: what could be unpacked was counted' },
  Z_BUF_ERROR: { code: 'log_damaged', hint: 'the packed file is cut off: what could be unpacked was counted' },
  PLIMSOLL_STORE_UNAVAILABLE: { code: 'store_unavailable', hint: 'reading goes on when the store takes counts again' },
  EADDRINUSE: { code: 'address_in_use', hint: 'another process listens there: choose another port' }
}

/** An error as people should see it. */
export function sourceError(error: unknown, atMs: number): SourceError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const hint = error instanceof Error && 'hint' in error ? String(error.hint) : undefined
  const cause = causes[code] ?? { code: 'source_failed', hint: 'it is tried again; see the log of Plimsoll' }
  return { atMs, code: cause.code, text: messageOf(error), hint: hint ?? cause.hint }
}
