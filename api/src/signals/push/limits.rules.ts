/** What one push may be. A sender that has more sends several. */
export const pushLimits = {
  /** The whole body, bytes. */
  bytes: 32 * 1_048_576,
  /** One line, bytes. */
  lineBytes: 65_536,
  /** Lines that are not empty. */
  lines: 50_000
} as const
