/**
 * Paths as people group them: `/api/items/4711` and `/api/items/4712` are one route. Declared
 * patterns come first (see plan/match.rules.ts); this is what happens to the other paths.
 */

/** The group of paths that have none of their own. */
export const otherRoute = 'other'

/** Deeper paths end in `*`: what is left of them names things rather than routes. */
const maxSegments = 5

const maxRouteLength = 120

/** Besides letters and digits; anything else makes a segment data. */
const routeSigns = '._~:+-'

/** Files that a page brings along: one group per folder and kind. */
const assetFile =
  /\.(css|js|mjs|map|json|xml|txt|ico|png|jpe?g|gif|svg|webp|avif|woff2?|ttf|otf|eot|mp[34]|webm|pdf|zip|gz|wasm|webmanifest)$/i

/**
 * A request path without its percent-encoding, as Caddy matches it: `/%61pi` is `/api`. One that is
 * not validly encoded stays as it is.
 */
export const decodePath = (path: string): string => {
  if (!path.includes('%')) return path
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

/**
 * The route of a path by its looks: segments that name one thing of many become `*` (numbers,
 * UUIDs, hashes, dates, tokens, anything but plain letters, digits and `._~:+-`), files become
 * `*.kind`, and what is deeper than five segments is cut.
 *
 * @param path - decoded, without query
 * @returns at most 120 characters; `other` for what is no path (`*`, `host:port`)
 */
export function templateOf(path: string): string {
  if (!path.startsWith('/')) return otherRoute
  const segments = path.slice(1).split('/', maxSegments + 1)
  if (segments.at(-1) === '' && segments.length > 1) segments.pop()
  const deep = segments.length > maxSegments
  const kept = segments.slice(0, maxSegments).map((segment, i) => {
    const kind = !deep && i === segments.length - 1 ? assetFile.exec(segment)?.[1] : undefined
    if (kind !== undefined) return `*.${kind.toLowerCase()}`
    return namesOneOfMany(segment) ? '*' : segment
  })
  const route = `/${(deep ? [...kept, '*'] : kept).join('/')}`
  return route.length > maxRouteLength ? otherRoute : route
}

const longSegment = 40

const namesOneOfMany = (segment: string): boolean => {
  if (segment.length > longSegment) return true
  let digits = 0
  let letters = 0
  let hexLetters = 0
  for (let i = 0; i < segment.length; i++) {
    const code = segment.charCodeAt(i)
    if (code >= 48 && code <= 57) digits++
    else if ((code >= 97 && code <= 122) || (code >= 65 && code <= 90)) {
      letters++
      if ((code | 32) <= 102) hexLetters++
    } else if (!routeSigns.includes(segment[i]!)) return true
  }
  if (digits === 0) return false
  const isNumber = letters === 0
  const isHash = segment.length >= 8 && hexLetters === letters
  return isNumber || isHash || digits >= 4 || segment.length >= 20
}

/**
 * Whether paths that differ only in segments which are a number, or a hash of eight hexadecimal
 * digits and dashes or more, can be told apart by none of these patterns. {@link templateOf} makes
 * one route of them anyway.
 *
 * @param patterns - path patterns of the plan, see plan/match.rules.ts
 */
export const canCollapse = (patterns: readonly string[]): boolean =>
  patterns.every((pattern) =>
    pattern.split('/').every((segment) => {
      if (segment === '*' || segment === '') return true
      // Part of a segment may be part of a number or of a hash.
      if (segment.includes('*')) return !/^[0-9a-f-]+$/i.test(segment.replaceAll('*', ''))
      return !/^\d+$/.test(segment) && !(segment.length >= 8 && /\d/.test(segment) && /^[0-9a-f-]+$/i.test(segment))
    })
  )

/**
 * Whether a reply lets a path open a group of its own: scanners ask for thousands of paths that do
 * not exist, and each would take a group from a real route.
 *
 * @param status - HTTP status; 0: the client went away
 */
export const earnsRoute = (status: number): boolean => status !== 0 && (status < 400 || status >= 500)
