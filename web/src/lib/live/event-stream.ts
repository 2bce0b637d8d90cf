/**
 * Server-sent events read from a fetched body. The browser's own EventSource hides why it fails,
 * when it heard last and when it will try again; a person watching production wants to know all three.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */

export interface StreamEvent {
  readonly type: string
  readonly data: string
  /** Id in force after this event; empty when the stream gave none. */
  readonly id: string
}

/**
 * A parser that is fed text as it comes and returns the events it completed.
 * Comments (heartbeats) complete nothing; a half line waits for its rest.
 */
export const eventParser = (): ((text: string) => StreamEvent[]) => {
  let rest = ''
  let type = ''
  let data: string[] = []
  let id = ''
  let first = true

  return (text) => {
    const events: StreamEvent[] = []
    if (first && text.length > 0) {
      first = false
      if (text.startsWith('\uFEFF')) text = text.slice(1)
    }
    // A carriage return at the end may be half of a line break: it waits as well.
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) events.push({ type: type || 'message', data: data.join('\n'), id })
        type = ''
        data = []
        continue
      }
      const colon = line.indexOf(':')
      if (colon === 0) continue
      const name = colon < 0 ? line : line.slice(0, colon)
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
      if (name === 'event') type = value
      else if (name === 'data') data.push(value)
      else if (name === 'id' && !value.includes('\0')) id = value
    }
    return events
  }
}

const FIRST_RETRY_MS = 1_000
const LONGEST_RETRY_MS = 30_000

/**
 * How long to wait before the next attempt: 1 s doubled up to 30 s, spread over its upper half so that
 * a crowd of browsers does not come back in one moment.
 *
 * @param attempt - failed attempts so far, 1 or more
 * @param random - in [0, 1)
 */
export const retryDelayMs = (attempt: number, random: number): number => {
  const longest = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(16, attempt - 1))
  return Math.round(longest * (0.5 + random / 2))
}
