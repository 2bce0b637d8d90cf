import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Context, ExitCode, OperandSpec, OptionValues } from '../cli/command.ts'
import { wrongUsage } from '../cli/failure.ts'
import { exitOf, stateTones, stateWords } from '../cli/verdict.rules.ts'
import { junitOf } from './junit.rules.ts'
import type { PerfReport } from './report.ts'

/** Where a report goes besides the terminal; absent: nowhere. */
export interface ReportFiles {
  readonly json: string | undefined
  readonly junit: string | undefined
  readonly markdown: string | undefined
}

/** Options of the commands that write reports. */
export const reportOptions = {
  junit: { type: 'string', value: 'FILE', description: 'write the checks as JUnit XML (PERF_JUNIT)' },
  markdown: { type: 'string', value: 'FILE', description: 'write a summary in Markdown (PERF_MARKDOWN)' }
} as const

/** What stands after `perf gate` and `perf compare`. */
export const reportOperands = [
  { name: 'FILE', description: 'with --json: write the report there', optional: true }
] as const satisfies readonly OperandSpec[]

/**
 * Files that were asked for by option or by environment.
 *
 * @param json - the operand FILE
 * @throws Failure (exit 64) when it was given without --json
 */
export function reportFiles(
  json: string | undefined,
  given: OptionValues<typeof reportOptions>,
  { env, output }: Pick<Context, 'env' | 'output'>
): ReportFiles {
  if (json !== undefined && !output.json) {
    throw wrongUsage(`what is ${json} for?`, '--json FILE writes the report to a file')
  }
  return {
    json: json ?? named(env['PERF_JSON']),
    junit: given.junit ?? named(env['PERF_JUNIT']),
    markdown: given.markdown ?? named(env['PERF_MARKDOWN'])
  }
}

const named = (text: string | undefined): string | undefined => (text === '' ? undefined : text)

/** A report in the two forms that depend on its kind. */
export interface Told {
  readonly markdown: string
  readonly lines: readonly string[]
}

/**
 * Tells a report in every form that was asked for; on GitHub also on the page of the job.
 *
 * @returns the exit code that stands for its verdict
 */
export async function tellReport(
  report: PerfReport,
  { markdown, lines }: Told,
  files: ReportFiles,
  { env, output }: Pick<Context, 'env' | 'output'>
): Promise<ExitCode> {
  await writeReports(report, markdown, { files, env })
  const { state, title } = report
  const all = [...lines, `${title}: ${output.tone(stateTones[state], stateWords[state])}`]
  if (files.json === undefined || !output.json) output.result(report, all)
  else for (const line of all) output.note(line)
  return exitOf([state])
}

async function writeReports(
  report: PerfReport,
  markdown: string,
  { files, env }: { files: ReportFiles; env: Context['env'] }
): Promise<void> {
  await write(files.json, `${JSON.stringify(report, null, 2)}\n`)
  await write(files.junit, junitOf(report))
  await write(files.markdown, markdown)
  const summary = named(env['GITHUB_STEP_SUMMARY'])
  if (summary !== undefined) await appendFile(summary, markdown)
}

async function write(file: string | undefined, text: string): Promise<void> {
  if (file === undefined) return
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, text)
}
