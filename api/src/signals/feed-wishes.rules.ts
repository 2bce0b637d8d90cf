import { resolve } from 'node:path'
import type {
  CaddyLogSignal,
  CaddyLogTcpSignal,
  ProbeSignal,
  PushSignal,
  RequestFilter,
  ResolvedPlan,
  ResolvedService,
  SelfSignal
} from '../plan/model.ts'
import type { LoggedService } from './caddy-log/options.ts'
import { thresholdsOf } from './promise.rules.ts'

/** How one service is counted by a feed, and the signal of the plan that asked for it. */
export interface WishedService {
  readonly signalId: string
  readonly counting: LoggedService
}

/** A feed that the plan asks for. Equal wishes are served by the feed that already runs. */
export type FeedWish =
  | {
      readonly kind: 'caddyLog'
      readonly file: string
      readonly startAt: CaddyLogSignal['startAt']
      readonly services: readonly WishedService[]
    }
  | {
      readonly kind: 'caddyLogTcp'
      readonly listen: CaddyLogTcpSignal['listen']
      readonly services: readonly WishedService[]
    }
  | { readonly kind: 'probe'; readonly signal: ProbeSignal; readonly counting: LoggedService }
  | { readonly kind: 'push'; readonly signal: PushSignal; readonly counting: LoggedService }
  | { readonly kind: 'self'; readonly signal: SelfSignal; readonly counting: LoggedService }

/**
 * What a plan wants to be read. Signals that read the same file or address share one feed, and those
 * of one service in it are one: a request that several of its filters let through counts once.
 *
 * @param directory - what relative file names are relative to
 */
export function feedWishesOf(plan: Pick<ResolvedPlan, 'services'>, directory: string): FeedWish[] {
  const wishes: FeedWish[] = []
  const all = plan.services.flatMap((service) => service.signals.map((signal) => ({ service, signal })))
  const files = Map.groupBy(
    all.flatMap(({ service, signal }) => (signal.kind === 'caddyLog' ? [{ service, signal }] : [])),
    ({ signal }) => resolve(directory, signal.file)
  )
  for (const [file, members] of files) {
    const startAt = members.some(({ signal }) => signal.startAt === 'beginning') ? 'beginning' : 'end'
    wishes.push({ kind: 'caddyLog', file, startAt, services: sharing(members) })
  }
  const addresses = Map.groupBy(
    all.flatMap(({ service, signal }) => (signal.kind === 'caddyLogTcp' ? [{ service, signal }] : [])),
    ({ signal }) => `${signal.listen.host} ${signal.listen.port}`
  )
  for (const members of addresses.values()) {
    wishes.push({ kind: 'caddyLogTcp', listen: members[0]!.signal.listen, services: sharing(members) })
  }
  for (const { service, signal } of all) {
    if (signal.kind === 'probe') wishes.push({ kind: 'probe', signal, counting: countingOf(service) })
    if (signal.kind === 'push') wishes.push({ kind: 'push', signal, counting: countingOf(service) })
    if (signal.kind === 'self') wishes.push({ kind: 'self', signal, counting: countingOf(service, [signal.filter]) })
  }
  return wishes
}

/** What stays the same while a feed changes: of two wishes with one key, the later replaces the earlier. */
export const feedKey = (wish: FeedWish): string => {
  switch (wish.kind) {
    case 'caddyLog':
      return `caddyLog ${wish.file}`
    case 'caddyLogTcp':
      return `caddyLogTcp ${wish.listen.host} ${wish.listen.port}`
    default:
      return `${wish.kind} ${wish.counting.service} ${wish.signal.id}`
  }
}

/** The services that a feed tells of, by the signal that asked for it. */
export const servicesOf = (wish: FeedWish): WishedService[] =>
  'services' in wish ? [...wish.services] : [{ signalId: wish.signal.id, counting: wish.counting }]

/** What the plan says of a service, as those who count its requests need it. */
const countingOf = (
  { name, objectives, routes }: ResolvedService,
  filters: readonly RequestFilter[] = [],
  releaseHeader = 'X-Release'
): LoggedService => ({
  service: name,
  filters,
  releaseHeader,
  thresholdsMs: thresholdsOf(objectives),
  objectivePaths: objectives.flatMap(({ path }) => (path === null ? [] : [path])),
  routes
})

/**
 * How a log that somebody brings is counted for a service: by the filters of its log signals. A
 * service without any counts every request in it.
 */
export function importCountingOf(service: ResolvedService): LoggedService {
  const logs = service.signals.flatMap((signal) =>
    signal.kind === 'caddyLog' || signal.kind === 'caddyLogTcp' ? [signal] : []
  )
  return countingOf(
    service,
    logs.map(({ filter }) => filter),
    logs[0]?.releaseHeader
  )
}

interface Member {
  readonly service: ResolvedService
  readonly signal: CaddyLogSignal | CaddyLogTcpSignal
}

const sharing = (members: readonly Member[]): WishedService[] =>
  [...Map.groupBy(members, ({ service }) => service.name).values()].map((own) => {
    const { service, signal } = own[0]!
    const filters = own.map((member) => member.signal.filter)
    return { signalId: signal.id, counting: countingOf(service, filters, signal.releaseHeader) }
  })
