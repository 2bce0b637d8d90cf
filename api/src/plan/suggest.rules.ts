/**
 * What somebody may have meant: the nearest of the known words, or nothing when none is near.
 *
 * @param found - what was written
 * @param known - what would have been understood
 */
export function didYouMean(found: string, known: readonly string[]): string | null {
  const wanted = found.toLowerCase()
  const synonym = synonyms[wanted]
  if (synonym !== undefined && known.includes(synonym)) return synonym
  let best: string | null = null
  let bestDistance = Math.min(3, Math.max(1, Math.floor(found.length / 3))) + 1
  for (const word of known) {
    const swapped = lettersOf(wanted) === lettersOf(word.toLowerCase()) ? 0.5 : 0 // of two as near, the one with the same letters
    const distance = editDistance(wanted, word.toLowerCase(), Math.ceil(bestDistance) + 1) - swapped
    if (distance < bestDistance) {
      best = word
      bestDistance = distance
    }
  }
  return best
}

const lettersOf = (text: string): string => Array.from(text).toSorted().join('')

/** Words of other tools, and what they are called here; only offered where the word is known. */
const synonyms: Readonly<Record<string, string>> = {
  interval: 'every',
  period: 'every',
  latency: 'p95',
  slo: 'objectives',
  slos: 'objectives',
  sli: 'indicator',
  slo_target: 'target',
  goal: 'target',
  uptime: 'availability',
  error_rate: 'errors',
  errorrate: 'errors',
  hosts: 'host',
  hostname: 'host',
  paths: 'path',
  method: 'methods',
  classes: 'class',
  tz: 'timeZone',
  timezone: 'timeZone',
  start: 'from',
  end: 'to',
  team: 'owner',
  likelihood: 'probability',
  severity: 'impact',
  checks: 'acceptance',
  cmd: 'command',
  sources: 'signals',
  log: 'caddyLog',
  caddy: 'caddyLog',
  http: 'probe',
  deadline: 'due'
}

/**
 * Damerau–Levenshtein distance (optimal string alignment): insertions, deletions, substitutions
 * and swaps of neighbours that lead from one text to the other; `limit` when it is that or more.
 */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) cost = Math.min(cost, (before[j - 2] ?? 0) + 1)
      next.push(cost)
    }
    before = row
    row = next
  }
  return Math.min(limit, row[b.length] ?? limit)
}
