/** Headers that belong to one reply and not to the page, or that the edge says by itself. */
const ofOneReply = new Set([
  'accept-ranges',
  'cache-control',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'date',
  'etag',
  'last-modified',
  'vary',
  'x-alloc-id',
  'x-release',
  'x-request-id'
])

/**
 * The headers of a page as Caddy's `header` directive.
 *
 * @param headers - of a reply that gave the page, by lower-case names
 * @throws RangeError when a value holds a line end, which no header does
 */
export function headerSnippet(headers: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(headers)
    .filter(([name, value]) => !ofOneReply.has(name) && value !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `\t${name} ${quote(String(value))}`)
  return `header {\n${lines.join('\n')}\n}\n`
}

/** A backquoted token means what it says; a backquote itself needs the other kind. */
const quote = (text: string): string => {
  if (/[\r\n]/.test(text)) throw new RangeError('a header value holds a line end')
  return text.includes('`') ? `"${text.replaceAll('"', '\\"')}"` : `\`${text}\``
}
