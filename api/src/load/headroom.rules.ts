import type { LoadLine } from '../contract/load.ts'
import type { LoadLineStatus } from '../contract/load-routes.ts'
import type { Reason } from '../contract/primitives.ts'
import { isThisMachine } from './sender/target.rules.ts'

const dayMs = 86_400_000

/** A line is believed for this long: what it was measured on changes bit by bit. */
export const lineKeepsMs = 14 * dayMs

/**
 * How much of the load line is free.
 *
 * @param trafficPerS - user requests per second now; null: not known
 * @param linePerS - most requests per second at which the promise holds
 * @returns ratio, at most 1; below 0 when the traffic is beyond the line; null when either is not known
 */
export const headroomRatio = (trafficPerS: number | null, linePerS: number | null): number | null =>
  trafficPerS === null || linePerS === null || linePerS <= 0 ? null : 1 - trafficPerS / linePerS

/** When a line stops being believed for its age alone. */
export const staleAt = (measuredAt: string): string => new Date(Date.parse(measuredAt) + lineKeepsMs).toISOString()

interface Present {
  readonly nowMs: number
  /** The release that answers users now; null: not known. */
  readonly release: string | null
  /** Fingerprint of the machine Plimsoll runs on; null: not known. */
  readonly machine: string | null
}

/** Why a line no longer says much of the service as it runs now; empty while it does. */
export const staleness = (line: LoadLine, { nowMs, release, machine }: Present): Reason[] => {
  const reasons: Reason[] = []
  const ageMs = nowMs - Date.parse(line.measuredAt)
  if (ageMs > lineKeepsMs) {
    reasons.push({
      code: 'line_old',
      text: `the load line is ${Math.floor(ageMs / dayMs)} days old`,
      limit: lineKeepsMs / dayMs,
      value: ageMs / dayMs,
      unit: 'days',
      next: 'measure it again'
    })
  }
  if (line.release !== null && release !== null && release !== '' && line.release !== release) {
    reasons.push({
      code: 'line_of_another_release',
      text: `the load line was measured on ${line.release}, users get ${release}`,
      next: 'measure it on this release'
    })
  }
  // loaded on the machine that sent: the line is that machine's
  const where = isThisMachine(URL.parse(line.target)?.hostname ?? '') ? line.machine : null
  if (where && machine !== null && where.fingerprint !== machine) {
    reasons.push({
      code: 'line_of_another_machine',
      text: `the load line is of another machine than this one: ${where.cores} cores, ${where.cpu}, ${where.memoryGiB} GiB`,
      next: 'measure it where the service runs'
    })
  }
  return reasons
}

/** Left free above the line's lower bound: an allocation takes a while to start, and traffic is uneven. */
const scalingMargin = 0.3

/**
 * What to tell an autoscaler: how many requests per second one allocation should get at most. The
 * line is taken for that of one allocation, as it is when the target of the search was one.
 */
export const scalingAdvice = (
  service: string,
  linePerS: number,
  trafficPerS: number | null
): NonNullable<LoadLineStatus['advice']> => {
  const target = linePerS * (1 - scalingMargin)
  const shown = Number(target.toPrecision(3))
  const allocations = trafficPerS === null ? null : Math.max(1, Math.ceil(trafficPerS / target))
  return {
    targetPerAllocationPerS: target,
    marginRatio: scalingMargin,
    allocationsForTraffic: allocations,
    text:
      `at most ${shown} requests/s for each allocation (${Math.round(scalingMargin * 100)} % below the load line)` +
      (allocations === null ? '' : `; today's traffic wants ${allocations}`),
    policy: policyOf(service, shown)
  }
}

/**
 * A scaling block for the Nomad Autoscaler. `target-value` multiplies the count by metric / target,
 * so the query gives the mean of one allocation: the traffic Plimsoll counts, by the allocations that
 * Prometheus scrapes as the job of the service's name.
 */
const policyOf = (service: string, target: number): string => `scaling {
  enabled = true
  min     = 2
  max     = 20

  policy {
    evaluation_interval = "10s"
    cooldown            = "1m"

    check "requests_per_allocation" {
      source = "prometheus"
      query  = "sum(plimsoll_service_requests_per_second{service=\\"${service}\\"}) / count(up{job=\\"${service}\\"} == 1)"

      strategy "target-value" {
        target = ${target}
      }
    }
  }
}
`
