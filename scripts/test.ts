// Runs the pipeline's stages in order, streams what they print, and ends with `N passed, N failed`.
// Usage: node scripts/test.ts [STAGE...]   (all of them when none is named)
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { countExit, countPlaywright, countTap, summarise, type NotRun, type Outcome } from './stages/stage.rules.ts'
import { root, stages, steps, type Stage, type Step } from './stages/steps.ts'

const isStage = (name: string): name is Stage => (stages as readonly string[]).includes(name)

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !isStage(name))
if (unknown.length > 0) {
  console.error(`unknown stage ${unknown.join(', ')}; there are ${stages.join(', ')}`)
  process.exit(64)
}

const stopped = new AbortController()
process.once('SIGINT', () => stopped.abort())
process.once('SIGTERM', () => stopped.abort())

const outcomes: Outcome[] = []
const notRun: NotRun[] = []
const scratch = await mkdtemp(join(tmpdir(), 'plimsoll-test-'))
for (const step of steps.filter((s) => wanted.length === 0 || wanted.includes(s.stage))) {
  if (stopped.signal.aborted) break
  const reason = step.needs && !step.needs.found() ? step.needs.reason : undefined
  if (reason !== undefined) {
    notRun.push({ stage: step.stage, step: step.name, reason })
    continue
  }
  console.log(`--- ${step.stage}: ${step.name}`)
  const startedMs = performance.now()
  const counts = await run(step, join(scratch, 'report.json'))
  outcomes.push({ stage: step.stage, step: step.name, ...counts, durationMs: performance.now() - startedMs })
}
await rm(scratch, { recursive: true })
const summary = summarise(outcomes, notRun)
console.log(`\n${summary}`)
// for .ci/run, which says the last line again behind whatever make says of a failure
await mkdir(join(root, '.make'), { recursive: true })
await writeFile(join(root, '.make/result'), `${summary.split('\n').at(-1)}\n`)
const green = outcomes.length > 0 && outcomes.every((o) => o.failed === 0)
process.exitCode = green && !stopped.signal.aborted ? 0 : 1

async function run(step: Step, reportFile: string): Promise<ReturnType<typeof countExit>> {
  const files = step.files?.() ?? []
  if (step.files && files.length === 0) {
    console.error('no test file found')
    return countExit(1)
  }
  const { MAKEFLAGS: _, MAKELEVEL: __, ...env } = process.env // a make below is a make of its own
  const [program, ...args] = step.command
  const child = spawn(program, [...args, ...files], {
    cwd: join(root, step.cwd ?? '.'),
    env: { ...env, PLAYWRIGHT_JSON_OUTPUT_NAME: reportFile },
    stdio: ['ignore', 'pipe', 'inherit'],
    signal: stopped.signal
  })
  let tail = ''
  child.stdout.on('data', (chunk: Buffer) => {
    process.stdout.write(chunk)
    tail = (tail + chunk.toString()).slice(-4_096)
  })
  const exitCode = await once(child, 'close').then(
    ([code]) => (typeof code === 'number' ? code : 1),
    (error: Error) => {
      console.error(`${program}: ${error.message}`)
      return 1
    }
  )
  if (step.counts === 'exit') return countExit(exitCode)
  if (step.counts === 'tap') return countTap(tail, exitCode)
  return countPlaywright(await readFile(reportFile, 'utf8').catch(() => undefined), exitCode)
}
