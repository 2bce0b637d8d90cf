import type { Context } from '../cli/command.ts'
import { wrongUsage } from '../cli/failure.ts'
import { deliver, type Delivery } from './deliver.ts'
import type { Address, Result } from './spool.rules.ts'
import { Spool, spoolFolder, type Kept } from './spool.ts'

/** Option of the commands whose results a Plimsoll may keep. */
export const pushOptions = {
  push: {
    type: 'string',
    value: 'URL',
    description: 'let this Plimsoll keep the result (--url, PLIMSOLL_URL); it waits here while that is down'
  }
} as const

/**
 * Where results are to be pushed, told before anything is loaded; null: nowhere.
 *
 * @throws Failure (exit 64) when a Plimsoll is named for it and the service is not
 */
export function pushTo(
  { push, service }: { readonly push: string | undefined; readonly service: string | null | undefined },
  { server, serverNamed, output }: Pick<Context, 'server' | 'serverNamed' | 'output'>
): Address | null {
  const named = push ?? (serverNamed ? server.url : undefined)
  if (named === undefined) return null
  const url = URL.parse(named)
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw wrongUsage(`${named} is no http or https URL`, 'for example --push http://127.0.0.1:3000')
  }
  const origin = named.replace(/\/+$/, '')
  if (service) return { server: origin, service }
  if (push !== undefined) throw wrongUsage('--push needs --service NAME', 'name a service of the plan in force there')
  output.note(`the result is not pushed to ${origin}: say --service NAME`)
  return null
}

/** As many of those that waited go along with a new result. */
const mostAlong = 50

/**
 * Keeps results and sends them, and what waited before them. Never throws for want of a server: the
 * measurement stands whoever keeps it.
 */
export async function pushResults(
  results: readonly Result[],
  to: Address | null,
  { env, server, output, signal }: Context
): Promise<void> {
  if (to === null || results.length === 0) return
  const spool = new Spool(spoolFolder(env))
  const fresh: Kept[] = []
  for (const result of results) {
    const parcel = { ...to, ...result }
    try {
      fresh.push(await spool.keep(parcel))
    } catch (error) {
      output.note(`${spool.folder} cannot keep a result for later: ${(error as Error).message}`)
      fresh.push({ file: null, parcel })
    }
  }
  const own = new Set(fresh.map(({ file }) => file))
  const before = (await spool.waiting().catch(() => ({ kept: [] }))).kept
    .filter(({ file, parcel }) => !own.has(file) && parcel.server === to.server)
    .slice(0, mostAlong)
  // an interrupted run is worth sending: its signal has done its work
  const sending = signal.aborted ? new AbortController().signal : signal
  const tokenOf = (): string | undefined => server.token
  const deliveries = await deliver([...fresh, ...before], { spool, tokenOf, signal: sending })
  for (const line of deliveryLines(deliveries)) output.note(line)
}

/** What became of parcels, for people: one line for each outcome and reason. */
export const deliveryLines = (deliveries: readonly Delivery[]): string[] => {
  const groups = new Map<string, Delivery[]>()
  for (const delivery of deliveries) {
    const { state, server, text } = delivery
    const key = JSON.stringify([state, server, text])
    groups.set(key, [...(groups.get(key) ?? []), delivery])
  }
  return [...groups.values()].flatMap((group) => {
    const { state, server, text, file } = group[0]!
    const what = `${group.length} ${group.length === 1 ? 'result' : 'results'}`
    if (state === 'stored') return [`${what} stored at ${server}`]
    if (state === 'refused')
      return [`${what} refused by ${server}: ${text}`, `  ${file === null ? 'not kept here' : `kept in ${file}`}`]
    if (file === null) return [`${what} not stored at ${server}, nor kept here: ${text}`]
    return [`${what} kept for ${server}: ${text}`, '  sent with the next result, or by plimsoll load push']
  })
}
