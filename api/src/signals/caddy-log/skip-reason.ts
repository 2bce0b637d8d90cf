/** Why a line was not counted. Codes are stable: they appear in the API, in metrics and in the import's report. */
export type SkipReason =
  /** Nothing but white space. */
  | 'blank'
  /** Not one JSON object: another format, binary data, or lines run together by a crash. */
  | 'not_json'
  /** Bytes that are not UTF-8, which JSON never holds. */
  | 'invalid_utf8'
  /** JSON, but no access log line of Caddy (`"msg":"handled request"`): its own messages and errors, for instance. */
  | 'not_access_log'
  | 'bad_time'
  | 'bad_duration'
  | 'bad_status'
  /** Longer than the longest line that is held in memory. */
  | 'too_long'
  /** The end of a file or connection came before the end of the line. */
  | 'cut_off'
  /** Dated later than the clock of this machine by more than the tolerance. */
  | 'from_future'
  /** Older than anything that is kept. */
  | 'too_old'

export type SkipCounts = Partial<Record<SkipReason, number>>

export const countSkipped = (counts: SkipCounts, reason: SkipReason): void => {
  counts[reason] = (counts[reason] ?? 0) + 1
}
