import { ApiError, createClient } from '../../../api/src/contract/client.ts'
import { asFailure } from '../cli/failure.ts'
import { nextStepOf, type Answer, type Parcel } from './spool.rules.ts'
import type { Kept, Spool } from './spool.ts'

/** What became of one parcel. */
export interface Delivery {
  readonly kind: Parcel['kind']
  readonly id: string
  readonly service: string
  readonly server: string
  readonly state: 'stored' | 'kept' | 'refused'
  /** Why it was not stored. */
  readonly text: string | null
  /** Where it lies now; null: with the server. */
  readonly file: string | null
}

export interface Delivering {
  readonly spool: Spool
  /** Token by server: one is never shown to another. */
  readonly tokenOf: (server: string) => string | undefined
  readonly signal: AbortSignal
}

/** A server that takes longer is left alone until the next time. */
const answerWithinMs = 10_000

/** Sends parcels one after the other; a server that does not answer is asked once. */
export async function deliver(all: readonly Kept[], { spool, tokenOf, signal }: Delivering): Promise<Delivery[]> {
  const stopped = new Map<string, string>()
  const deliveries: Delivery[] = []
  for (const kept of all) {
    const { kind, service, server, document } = kept.parcel
    const told = (state: Delivery['state'], text: string | null, file: string | null): void =>
      void deliveries.push({ kind, id: document.id, service, server, state, text, file })
    const before = stopped.get(server)
    if (before !== undefined) {
      told('kept', before, kept.file)
      continue
    }
    const answer = await put(kept.parcel, tokenOf(server), signal)
    const text = answer.kind === 'stored' ? null : answer.text
    const step = nextStepOf(answer)
    if (step === 'forget') {
      await spool.forget(kept)
      told('stored', null, null)
    } else if (step === 'set-aside') told('refused', text, await spool.setAside(kept))
    else {
      if (step === 'stop') stopped.set(server, text ?? '')
      told('kept', text, kept.file)
    }
  }
  return deliveries
}

async function put(parcel: Parcel, token: string | undefined, signal: AbortSignal): Promise<Answer> {
  const call = createClient({ baseUrl: parcel.server, ...(token && { token }) })
  const params = { service: parcel.service, id: parcel.document.id }
  const within = { params, signal: AbortSignal.any([signal, AbortSignal.timeout(answerWithinMs)]) }
  try {
    const { id } =
      parcel.kind === 'run'
        ? await call('PUT /api/v1/services/{service}/runs/{id}', { ...within, body: parcel.document })
        : await call('PUT /api/v1/services/{service}/load-lines/{id}', { ...within, body: parcel.document })
    // a proxy's friendly page is no confirmation
    if (id !== parcel.document.id) return { kind: 'unreachable', text: `${parcel.server} is no Plimsoll` }
    return { kind: 'stored' }
  } catch (error) {
    const { message } = asFailure(error, parcel.server)
    if (error instanceof ApiError) return { kind: 'status', status: error.status, text: message }
    const slow = error instanceof Error && error.name === 'TimeoutError'
    return { kind: 'unreachable', text: slow ? `${parcel.server} does not answer` : message }
  }
}
