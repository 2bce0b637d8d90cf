import { resolve } from '$app/paths'
import type { Preset, Span } from './time/range.ts'
import { instant } from './time/range.ts'
import { topicParam, type Topic } from './why/topic.ts'
import { withParams, type Address } from './address.ts'

/** Every address this UI links to. */
export const links = {
  overview: () => resolve('/'),
  service: (service: string, span?: Span | Preset) => resolve('/services/[service]', { service }) + rangeOf(span),
  alerts: (service?: string) => resolve('/alerts') + (service ? `?service=${encodeURIComponent(service)}` : ''),
  alert: (id: string) => resolve('/alerts/[id]', { id }),
  load: () => resolve('/load'),
  loadOf: (service: string) => resolve('/services/[service]/load', { service }),
  run: (service: string, id: string, beside?: string) =>
    resolve('/services/[service]/runs/[id]', { service, id }) + (beside ? `?with=${encodeURIComponent(beside)}` : ''),
  loadLine: (service: string, id: string) => resolve('/services/[service]/load-lines/[id]', { service, id }),
  releases: (service?: string) => resolve('/releases') + (service ? `?service=${encodeURIComponent(service)}` : ''),
  release: (id: string) => resolve('/releases/[id]', { id }),
  gate: (service: string) => resolve('/services/[service]/gate', { service }),
  backtest: (service: string) => resolve('/services/[service]/gate/backtest', { service }),
  verdict: (id: string) => resolve('/verdicts/[id]', { id }),
  envelope: (id: string) => `/api/v1/verdicts/${encodeURIComponent(id)}/envelope`,
  plan: (view?: string) => resolve('/plan') + (view ? `?view=${view}` : ''),
  planExport: (format: 'given' | 'resolved' | 'openslo') => `/api/v1/plan/export?format=${format}`,
  /** Opens why a number is what it is, on the page one is on. */
  why: (url: Address, topic: Topic) => withParams(url, { why: topicParam(topic) }),
  access: () => resolve('/access'),
  audit: (caller?: string) => resolve('/access/audit') + (caller ? `?caller=${encodeURIComponent(caller)}` : ''),
  /** Away to the identity provider and back to where one is. */
  signIn: (path: string, from: Address) =>
    `${path}?returnTo=${encodeURIComponent(from.pathname.startsWith(resolve('/sign-in')) ? resolve('/') : from.pathname + from.search)}`,
  docs: () => '/docs'
}

const rangeOf = (span: Span | Preset | undefined): string => {
  if (span === undefined) return ''
  return typeof span === 'string' ? `?range=${span}` : `?from=${instant(span.fromMs)}&to=${instant(span.toMs)}`
}
