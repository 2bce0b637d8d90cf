import type { LoadLine, LoadRun } from '../../../api/src/contract/load.ts'
import type { Reason } from '../../../api/src/contract/primitives.ts'
import type { LineProgress } from '../../../api/src/load/line/find-line.ts'
import type { Progress } from '../../../api/src/load/sender/plan.ts'
import { count, milliseconds, percent, perSecond, wait } from './format.rules.ts'
import { columns } from './table.rules.ts'

/** One line that is drawn over and over while load is sent. */
export const runProgress = (progress: Progress, durationMs: number): string => {
  const { elapsedMs, sent, settled, bad, p95Ms, outstanding } = progress
  if (elapsedMs < 0) return `warming up, ${wait(-elapsedMs / 1_000)} left`
  return [
    `${count(sent)} sent`,
    `${count(settled)} answered`,
    ...(bad > 0 ? [`${count(bad)} failed`] : []),
    `p95 ${milliseconds(p95Ms)}`,
    `${count(outstanding)} under way`,
    `${wait(Math.max(0, durationMs - elapsedMs) / 1_000)} left`
  ].join('  ')
}

/** A run for people. */
export const runLines = (run: LoadRun): string[] => {
  const { latencyMs, intervalsMs } = run
  const latency = (['p50', 'p90', 'p95', 'p99'] as const).map((name) => {
    const interval = intervalsMs[name]
    const range = interval
      ? `${milliseconds(interval[0])} to ${interval[1] === null ? '?' : milliseconds(interval[1])}`
      : ''
    return [`  ${name}`, milliseconds(latencyMs[name]), range]
  })
  return [
    `${run.target}: ${count(run.total)} requests in ${wait(run.durationMs / 1_000)}, ${rates(run)}${run.partial ? ', ended early' : ''}`,
    ...columns([...latency, ['  max', milliseconds(latencyMs.max), '']]),
    ...columns(
      Object.entries({ ...run.statuses, ...run.failures }).map(([kind, n]) => [
        `  ${kind}`,
        count(n),
        percent(n / run.total)
      ])
    ),
    ...reasonLines(run.reasons)
  ]
}

const rates = ({ offeredPerS, achievedPerS }: LoadRun): string =>
  offeredPerS === null ? perSecond(achievedPerS) : `${perSecond(offeredPerS)} offered, ${perSecond(achievedPerS)} sent`

export const reasonLines = (reasons: readonly Reason[]): string[] =>
  reasons.map(({ text, next }) => `  ${text}${next === undefined ? '' : `; next: ${next}`}`)

/** One line that is drawn over and over while the line is searched. */
export const lineProgress = ({
  phase,
  ratePerS,
  sending,
  estimatePerS,
  intervalPerS,
  leftMs,
  probes
}: LineProgress): string => {
  const last = sending === null ? probes.at(-1) : undefined
  return [
    `${phaseWords[phase]} ${perSecond(ratePerS)}`,
    `p95 ${milliseconds(sending?.p95Ms ?? last?.p95Ms)}`,
    `${count(sending?.bad ?? last?.failed ?? 0)} failed`,
    estimatePerS === null || intervalPerS === null
      ? 'no estimate yet'
      : `line about ${perSecond(estimatePerS)} (${perSecond(intervalPerS[0])} to ${perSecond(intervalPerS[1])})`,
    `at most ${wait(leftMs / 1_000)} left`
  ].join('  ')
}

const phaseWords = { bracket: 'raising to', refine: 'refining at', hold: 'holding' } as const

/** A load line for people, with the curve it was found by. */
export const lineLines = (line: LoadLine): string[] => {
  const { ratePerS, estimatePerS, intervalPerS } = line
  const about =
    estimatePerS === null || intervalPerS === null
      ? ''
      : `; it breaks at about ${perSecond(estimatePerS)} (${perSecond(intervalPerS[0])} to ${perSecond(intervalPerS[1])})`
  const rows = line.probes.toSorted((a, b) => a.ratePerS - b.ratePerS)
  return [
    `${line.target}: ${ratePerS === null ? 'no load line' : `load line ${perSecond(ratePerS)}`}${about}, after ${wait(line.loadMs / 1_000)} of load`,
    ...columns(
      [
        ['  RATE', 'REQUESTS', 'SLOW', 'FAILED', 'P50', 'P95', 'P99', ''],
        ...rows.map((probe) => [
          `  ${perSecond(probe.ratePerS)}`,
          count(probe.total),
          probe.total === 0 ? '–' : percent(probe.slow / probe.total, 1),
          count(probe.failed),
          milliseconds(probe.p50Ms),
          milliseconds(probe.p95Ms),
          milliseconds(probe.p99Ms),
          probe.phase === 'hold' ? 'hold' : probe.senderLimited ? 'sender limit' : ''
        ])
      ],
      [false, true, true, true, true, true, true, false]
    ),
    ...reasonLines(line.reasons)
  ]
}
