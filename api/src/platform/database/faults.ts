/** Why the store refuses, in words an operator can act on. */
export interface StoreFault {
  /** Stable, lower_snake_case. */
  readonly code: string
  readonly text: string
  readonly hint: string
}

const faults = {
  disk_full: {
    text: 'the disk is full',
    hint: 'free space below DATA_DIR; counting goes on in memory and is written when there is room'
  },
  read_only: { text: 'the store is read-only', hint: 'make the file and its directory writable for this user' },
  io_error: {
    text: 'the disk reports an input/output error',
    hint: 'check the disk and the kernel log, then restore a backup'
  },
  corrupt: { text: 'the file is damaged', hint: 'stop the server and restore a backup (make restore)' },
  not_a_database: { text: 'the file is not an SQLite database', hint: 'point DATABASE_URL or DATA_DIR elsewhere' },
  cannot_open: {
    text: 'the file cannot be opened',
    hint: 'check that the directory exists and that this user may write to it'
  },
  busy: { text: 'another program holds the write lock', hint: 'close other programs that write to this file' },
  unreachable: {
    text: 'the database server does not answer',
    hint: 'check that it runs and that host and port in DATABASE_URL are right'
  },
  refused: {
    text: 'the database server refuses this login',
    hint: 'check user, password and database in DATABASE_URL'
  },
  shutting_down: {
    text: 'the database server ended the connection',
    hint: 'nothing to do: the connection is made anew'
  },
  too_slow: { text: 'the statement took too long and was ended', hint: 'check the load of the database server' }
} as const

/** SQLite's primary result codes, https://sqlite.org/rescode.html */
const bySqliteCode: Record<number, keyof typeof faults> = {
  5: 'busy',
  6: 'busy',
  8: 'read_only',
  10: 'io_error',
  11: 'corrupt',
  13: 'disk_full',
  14: 'cannot_open',
  26: 'not_a_database'
}

/** SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html, and Node's error codes. */
const byCode: Record<string, keyof typeof faults> = {
  '53100': 'disk_full',
  '25006': 'read_only',
  '58030': 'io_error',
  '57014': 'too_slow',
  '25P03': 'too_slow',
  '57P01': 'shutting_down',
  '57P02': 'shutting_down',
  '57P03': 'unreachable',
  '53300': 'unreachable',
  '28000': 'refused',
  '28P01': 'refused',
  '3D000': 'refused',
  ECONNREFUSED: 'unreachable',
  ECONNRESET: 'shutting_down',
  EPIPE: 'shutting_down',
  ETIMEDOUT: 'unreachable',
  ENOTFOUND: 'unreachable',
  ENOENT: 'cannot_open',
  EACCES: 'cannot_open',
  EROFS: 'read_only',
  ENOTDIR: 'cannot_open',
  ENOSPC: 'disk_full'
}

/**
 * What a failed statement says about the store; null when the statement itself was at fault.
 *
 * @param error - as thrown by `node:sqlite`, `pg` or `node:fs`
 */
export function explainStoreError(error: unknown): StoreFault | null {
  if (!(error instanceof Error)) return null
  const code = faultCode(error)
  return code ? { code, ...faults[code] } : null
}

const faultCode = (error: Error): keyof typeof faults | undefined => {
  const { code, errcode } = error as { code?: unknown; errcode?: unknown }
  if (typeof errcode === 'number') return bySqliteCode[errcode & 0xff] // the low byte is the primary code
  if (typeof code === 'string' && byCode[code]) return byCode[code]
  // pg gives these no code
  if (/Connection terminated|not queryable|timeout exceeded when trying to connect/.test(error.message))
    return 'unreachable'
  return undefined
}
