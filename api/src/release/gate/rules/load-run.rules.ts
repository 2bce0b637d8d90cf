import type { Rule } from '../rule.ts'

/** The newest load run of this version kept the promise, and is not too old. */
export const loadRun: Rule = {
  name: 'load_run',
  title: 'Load run of this version',
  judge: ({ run, loadPlanned, version, atMs }, { requireRun, runKeepsMs }) => {
    if (!run) {
      if (!requireRun && !loadPlanned) return null
      return {
        state: 'could_not_measure',
        text: `no load run of ${version} is known`,
        source: 'load runs',
        next: `npx plimsoll load run URL --rate R --release ${version} --push …`
      }
    }
    const about = {
      samples: run.total,
      source: `run ${run.id}`,
      freshAt: run.startedAt,
      ...(run.p95Ms !== null && { value: run.p95Ms, unit: 'ms' }),
      parts: [...run.reasons]
    }
    const reason = run.reasons[0]?.text ?? `${run.total} requests at ${Math.round(run.achievedPerS)} a second`
    if (run.partial) {
      return { ...about, state: 'could_not_measure', text: 'the load run was ended early', next: 'run it to its end' }
    }
    const ageMs = atMs - Date.parse(run.startedAt)
    if (ageMs > runKeepsMs) {
      const [days, limit] = [ageMs, runKeepsMs].map((ms) => Number((ms / 86_400_000).toPrecision(3)))
      return {
        ...about,
        state: 'could_not_measure',
        text: `the load run is ${days} days old, it counts for ${limit}`,
        next: 'run it again'
      }
    }
    return {
      ...about,
      state: run.state,
      text: reason,
      next: run.state === 'pass' ? null : (run.reasons[0]?.next ?? null)
    }
  }
}
