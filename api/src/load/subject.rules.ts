import type { LoadRequest, ResolvedLoad, ResolvedService } from '../plan/model.ts'
import { complement } from '../plan/quantities.rules.ts'
import type { AddressGuard } from '../platform/guard/address-guard.ts'
import { secretMissing } from './errors.ts'
import { housePromise, type Promised } from './line/hold.rules.ts'
import type { LoadSubject } from './run/load.ts'
import { checkedRequest } from './run/requests.rules.ts'
import type { PlannedRequest } from './sender/plan.ts'

/** What a service promises, as a load test judges it; what it does not promise is the house's own. */
export const promisedOf = ({ objectives }: Pick<ResolvedService, 'objectives'>): Promised => {
  const whole = objectives.filter(({ path, origin }) => path === null && origin === 'requests')
  const latency = whole.find(({ indicator, thresholdMs }) => indicator === 'latency' && thresholdMs !== null)
  const errors = whole.find(({ indicator }) => indicator === 'errors')
  return {
    thresholdMs: latency?.thresholdMs ?? housePromise.thresholdMs,
    slowRatio: latency ? complement(latency.targetRatio) : housePromise.slowRatio,
    errorRatio: errors ? complement(errors.targetRatio) : housePromise.errorRatio
  }
}

interface Around {
  readonly guard?: AddressGuard
  readonly classKey: string
  readonly secrets: Readonly<Record<string, string | undefined>>
  readonly release: string | null
}

/**
 * The load test a plan describes. The plan names the host, so it may be loaded.
 *
 * @throws PLIMSOLL_SECRET_MISSING when a header's secret has no value; PLIMSOLL_REQUESTS_INVALID
 */
export const subjectOfPlan = (service: ResolvedService, load: ResolvedLoad, around: Around): LoadSubject => {
  const url = new URL(load.url)
  const headers: Record<string, string> = { ...load.headers }
  for (const [header, name] of Object.entries(load.secretHeaders)) {
    const value = around.secrets[name]
    if (value === undefined) throw secretMissing(`the secret ${name} of the header ${header} has no value`)
    headers[header] = value
  }
  return {
    url,
    requests: load.requests.map((request, i) => planned(request, i, url, headers)),
    allowed: [url.host],
    verifyTls: true,
    ...(around.guard && { guard: around.guard }),
    classKey: around.classKey,
    promised: promisedOf(service),
    timeoutMs: load.timeoutMs,
    service: service.name,
    release: around.release,
    // the plan loads a deployed service: the commit of Plimsoll's own directory is not its commit
    directory: null
  }
}

/** Paths of the mix begin at the path of the URL: `http://shop/base` and `/items` make `/base/items`. */
const planned = (
  { method, path, weight, body }: LoadRequest,
  i: number,
  url: URL,
  headers: Readonly<Record<string, string>>
): PlannedRequest => checkedRequest({ method, path: url.pathname.replace(/\/$/, '') + path, weight, headers, body }, i)
