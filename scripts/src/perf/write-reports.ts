import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Context } from '../cli/command.ts'
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

/** Files that were asked for by option or by environment. */
export const reportFiles = (
  json: string | undefined,
  given: { readonly junit: string | undefined; readonly markdown: string | undefined },
  env: Context['env']
): ReportFiles => ({
  json: json ?? named(env['PERF_JSON']),
  junit: given.junit ?? named(env['PERF_JUNIT']),
  markdown: given.markdown ?? named(env['PERF_MARKDOWN'])
})

const named = (text: string | undefined): string | undefined => (text === '' ? undefined : text)

/** Writes a report in every form that was asked for; on GitHub also onto the page of the job. */
export async function writeReports(
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
