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
