import type { Signal } from '@plimsoll/api/contract'

export const KINDS: Readonly<Record<Signal['kind'], string>> = {
  caddyLog: 'Caddy log',
  caddyLogTcp: 'Caddy log over TCP',
  probe: 'Probe',
  push: 'Pushed events',
  self: 'Plimsoll itself',
  prometheus: 'Prometheus'
}

/** Lines that were skipped, by reason in words, most first. */
export const skippedOf = ({ counts }: Pick<Signal, 'counts'>): [string, number][] =>
  Object.entries(counts.skipped)
    .filter(([, lines]) => lines > 0)
    .toSorted((a, b) => b[1] - a[1])
    .map(([why, lines]) => [why.replaceAll('_', ' '), lines])
