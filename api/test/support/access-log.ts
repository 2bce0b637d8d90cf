import type { RequestFilter } from '../../src/plan/model.ts'
import type { LoggedService } from '../../src/signals/caddy-log/options.ts'
import type { SliceStore } from '../../src/signals/store.ts'

export const everyRequest: RequestFilter = { hosts: [], paths: [], methods: [], exclude: { paths: [], methods: [] } }

export const aLoggedService = (change: Partial<LoggedService> = {}): LoggedService => ({
  service: 'shop',
  filters: [everyRequest],
  releaseHeader: 'X-Release',
  thresholdsMs: [200],
  objectivePaths: [],
  routes: { groups: ['/n/*'], cap: 50 },
  ...change
})

/** One line of Caddy, without its end. */
export const accessLine = (
  n: number,
  atMs: number,
  change: { status?: number; host?: string; pad?: number } = {}
): string =>
  `{"level":"info","ts":${(atMs / 1_000).toFixed(3)},"logger":"http.log.access.log0","msg":"handled request",` +
  `"request":{"remote_ip":"127.0.0.1","remote_port":"${1_000 + n}","proto":"HTTP/1.1","method":"GET",` +
  `"host":"${change.host ?? 'shop.example'}","uri":"/n/${n}${'x'.repeat(change.pad ?? 0)}","headers":{"Accept":["*/*"]}},` +
  `"user_id":"","duration":0.012,"size":7,"status":${change.status ?? 200},"resp_headers":{"Server":["Caddy"]}}`

export const accessLines = (from: number, to: number, atMs: number): string =>
  Array.from({ length: to - from }, (_, i) => `${accessLine(from + i, atMs + i)}\n`).join('')

/** Requests that a store has of a service, aborted ones included. */
export async function countedIn(store: SliceStore, service: string, nowMs: number): Promise<number> {
  const dayMs = 86_400_000
  let count = 0
  await store.scan(
    { service, fromMs: nowMs - 300 * dayMs, toMs: nowMs + dayMs, widthMs: 3_600_000 },
    (slice) => (count += slice.total + slice.row.aborted)
  )
  return count
}
