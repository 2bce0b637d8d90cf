import { patternMatches } from '../platform/guard/bounded-pattern.ts'
import type { BodyMatch, HttpExpectation, StatusRange } from './model.ts'

// The path patterns of the plan; where Caddy's path matcher knows the same form, both mean the same:
//
//   /api/items          that path and nothing else
//   /api/*              everything that begins with `/api/`, at any depth; not `/api`
//   *.css               everything that ends with `.css`
//   /api/*/price        `*` as a whole segment: one segment, not empty
//   /api/*/price/*      both
//
// Case counts. The query is no part of a path.

/** What a path pattern looks like; `*` stands at the start, at the end, or for a whole segment. */
export const pathPatternSource = String.raw`^(\*[^*\s?#]*|/([^*\s?#/]*|\*)(/([^*\s?#/]*|\*))*\*?)$`

/**
 * A test of paths by pattern, linear in the length of the path: no pattern can be made slow.
 *
 * @param pattern - of the form {@link pathPatternSource}
 */
export function compilePathPattern(pattern: string): (path: string) => boolean {
  if (pattern.startsWith('*')) return (path) => path.endsWith(pattern.slice(1))
  const open = pattern.endsWith('*')
  const stem = open ? pattern.slice(0, -1) : pattern
  if (!stem.includes('*')) return open ? (path) => path.startsWith(stem) : (path) => path === stem
  const wanted = stem.split('/')
  return (path) => segmentsMatch(wanted, path.split('/'), open)
}

function segmentsMatch(wanted: readonly string[], found: readonly string[], open: boolean): boolean {
  const last = wanted.length - 1
  if (open ? found.length < wanted.length : found.length !== wanted.length) return false
  return wanted.every((segment, i) => {
    const value = found[i] ?? ''
    if (segment === '*') return value !== ''
    return open && i === last ? value.startsWith(segment) : value === segment
  })
}

/** `shop.example` is that name; `*.shop.example` every name below it, at any depth. A port is ignored; case does not count. */
export function compileHostPattern(pattern: string): (host: string) => boolean {
  const wanted = pattern.toLowerCase()
  if (wanted.startsWith('*.')) {
    const suffix = wanted.slice(1)
    return (host) => bareHost(host).endsWith(suffix)
  }
  return (host) => bareHost(host) === wanted
}

const bareHost = (host: string): string => host.toLowerCase().replace(/:\d+$/, '')

/** Whether an HTTP status lies in one of the ranges (inclusive). */
export const statusMatches = (ranges: readonly StatusRange[], status: number): boolean =>
  ranges.some((range) => status >= range.from && status <= range.to)

/**
 * Whether a body is as expected; null expects nothing of it.
 *
 * @throws PatternTooSlow when an expression backtracks without end
 */
export function bodyMatches(expected: BodyMatch | null, body: string): boolean {
  if (expected === null) return true
  if (expected.kind === 'contains') return body.includes(expected.text)
  return patternMatches(expected.pattern, 'us', body)
}

/** `200`, `200-299`, `204 or 304`: for sentences. */
export const statusText = (expectation: Pick<HttpExpectation, 'status'>): string =>
  expectation.status.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(' or ')
