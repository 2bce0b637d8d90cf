/** What one step of the pipeline came to. */
export type Outcome = {
  stage: string
  step: string
  passed: number
  failed: number
  skipped: number
  durationMs: number
}

/** A step that could not be measured here, and the tests that are missing for it. Neither success nor failure. */
export type NotRun = { stage: string; step: string; reason: string }

type Counts = { passed: number; failed: number; skipped: number }

/** A command without a count of its own is one check: its exit code is the verdict. */
export function countExit(exitCode: number): Counts {
  return exitCode === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 }
}

/**
 * Counts from the last line of our tap reporter, `N passed, N failed[, N skipped]`.
 * A suite that exits badly without a failed test has crashed, and one that ran no test proves nothing: both fail.
 */
export function countTap(output: string, exitCode: number): Counts {
  const line = output.trimEnd().split('\n').at(-1) ?? ''
  const found = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/.exec(line)
  const counts = { passed: Number(found?.[1] ?? 0), failed: Number(found?.[2] ?? 0), skipped: Number(found?.[3] ?? 0) }
  return honest(counts, exitCode)
}

/**
 * Counts from Playwright's JSON report. A test that passed only on a second try (`flaky`) has failed.
 * @param report - the text of the report, or undefined when none was written
 */
export function countPlaywright(report: string | undefined, exitCode: number): Counts {
  const none = { expected: 0, unexpected: 0, flaky: 0, skipped: 0 }
  const parsed = report === undefined ? {} : (JSON.parse(report) as { stats?: Partial<typeof none> })
  const stats = { ...none, ...parsed.stats }
  return honest({ passed: stats.expected, failed: stats.unexpected + stats.flaky, skipped: stats.skipped }, exitCode)
}

function honest(counts: Counts, exitCode: number): Counts {
  const provedNothing = counts.passed + counts.failed === 0
  const crashed = exitCode !== 0 && counts.failed === 0
  return provedNothing || crashed ? { ...counts, failed: counts.failed + 1 } : counts
}

/** One line a step, then what was not run and why, then the sum: the last line is `N passed, N failed`. */
export function summarise(outcomes: readonly Outcome[], notRun: readonly NotRun[]): string {
  const width = Math.max(0, ...outcomes.map((o) => `${o.stage}: ${o.step}`.length))
  const lines = outcomes.map((o) => {
    const counts = `${o.passed} passed, ${o.failed} failed${o.skipped > 0 ? `, ${o.skipped} skipped` : ''}`
    const mark = o.failed > 0 ? 'FAIL' : 'ok  '
    return `${mark} ${`${o.stage}: ${o.step}`.padEnd(width)}  ${(o.durationMs / 1_000).toFixed(1).padStart(6)} s  ${counts}`
  })
  const absent = notRun.map((n) => `not run: ${n.stage}: ${n.step}: ${n.reason}`)
  const sum = (key: 'passed' | 'failed') => outcomes.reduce((total, o) => total + o[key], 0)
  return [...lines, ...absent, `${sum('passed')} passed, ${sum('failed')} failed`].join('\n')
}
