/** What Nomad means when it refuses. Its errors are plain text and many mistakes of a caller are 500. */
export type RefusalKind =
  | 'no_leader'
  | 'forbidden'
  | 'token_unknown'
  | 'not_found'
  | 'conflict'
  | 'deployment_ended'
  | 'not_healthy_yet'
  | 'nothing_to_revert'
  | 'invalid'
  | 'busy'
  | 'failed'

/** Texts by which a refusal is known, whatever its status says; the first that fits wins. */
const texts: readonly (readonly [RegExp, RefusalKind])[] = [
  [/no (cluster )?leader|leadership lost|not the leader/i, 'no_leader'],
  [/token not found|acl token lookup failed|token (is )?expired|invalid (claims|identity)/i, 'token_unknown'],
  [/permission denied/i, 'forbidden'],
  // register with a check index; revert with the version it started from
  [/enforcing job modify index|enforcing version/i, 'conflict'],
  [/can't revert to current version/i, 'nothing_to_revert'],
  [/can't \w+( \w+)? terminal deployment|terminal deployment/i, 'deployment_ended'],
  [/has \d+\/\d+ healthy allocations/i, 'not_healthy_yet'],
  [
    /must be 36 characters|failed to parse|job spec is empty|validation|missing|invalid|unsupported|not enabled/i,
    'invalid'
  ],
  [/(not found|does not exist)\s*$/i, 'not_found']
]

/**
 * The kind of a refusal of Nomad, 1.1 to 2.x alike.
 *
 * @param status - HTTP status, 400 or more
 * @param text - the body, plain text
 */
export function refusalKind(status: number, text: string): RefusalKind {
  if (status === 404) return 'not_found'
  const known = texts.find(([pattern]) => pattern.test(text))
  if (known) return known[1]
  if (status === 401 || status === 403) return 'forbidden'
  if (status === 429) return 'busy'
  return status < 500 ? 'invalid' : 'failed'
}

/**
 * A refusal on one line: Nomad lists its errors over several, with bullets.
 *
 * @returns at most 500 characters
 */
export function refusalText(text: string): string {
  const line = text
    .replace(/^\d+ errors? occurred:\s*/, '')
    .replace(/\s*\n\s*\*\s*/g, '; ')
    .replace(/^\*\s*/, '')
    .replace(/\s+/g, ' ')
    .trim()
  return line.length > 500 ? `${line.slice(0, 499)}…` : line
}
