// Runs the pipeline's stages in order, streams what they print, and ends with `N passed, N failed`.
// Usage: node scripts/test.ts [STAGE...]   (all of them when none is named)
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { countExit, countPlaywright, countTap, summarise, type NotRun, type Outcome } from './stages/stage.rules.ts'
import { root, stages, steps, type Stage, type Step } from './stages/steps.ts'

const isStage = (name: string): name is Stage => (stages as readonly string[]).includes(name)

async function run(step: Step, reportFile: string): Promise<Outcome> {
  const startedMs = performance.now()
  const { MAKEFLAGS: _, MAKELEVEL: __, ...env } = process.env
  const [program, ...args] = step.command
  const files = step.files?.() ?? []
  if (step.files && files.length === 0) {
    console.error('no test file found')
    return { stage: step.stage, step: step.name, passed: 0, failed: 1, skipped: 0, durationMs: 0 }
  }
  const child = spawn(program, [...args, ...files], {
    cwd: join(root, step.cwd ?? '.'),
    env: { ...env, PLAYWRIGHT_JSON_OUTPUT_NAME: reportFile },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const stop = (signal: NodeJS.Signals) => {
    child.kill(signal)
    process.exitCode = 1
    stopped = true
  }
  process.once('SIGTERM', stop).once('SIGINT', stop)
  let tail = ''
  child.stdout.on('data', (chunk: Buffer) => {
    process.stdout.write(chunk)
    tail = (tail + chunk.toString()).slice(-4_096)
  })
  const exitCode = await once(child, 'close').then(
    ([code]) => (typeof code === 'number' ? code : 1),
    (error: Error) => {
      console.error(`${program} did not start: ${error.message}`)
      return 127
    }
  )
  process.off('SIGTERM', stop).off('SIGINT', stop)
  const counts =
    step.counts === 'exit'
      ? countExit(exitCode)
      : step.counts === 'tap'
        ? countTap(tail, exitCode)
        : countPlaywright(await readFile(reportFile, 'utf8').catch(() => undefined), exitCode)
  return { stage: step.stage, step: step.name, ...counts, durationMs: performance.now() - startedMs }
}

let stopped = false
const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !isStage(name))
if (unknown.length > 0) {
  console.error(`unknown stage ${unknown.join(', ')}; there are ${stages.join(', ')}`)
  process.exit(64)
}

const outcomes: Outcome[] = []
const notRun: NotRun[] = []
const scratch = await mkdtemp(join(tmpdir(), 'plimsoll-test-'))
try {
  for (const step of steps.filter((s) => wanted.length === 0 || wanted.includes(s.stage))) {
    if (stopped) break
    if (step.needs && !step.needs.found()) {
      notRun.push({ stage: step.stage, step: step.name, reason: step.needs.reason })
      continue
    }
    console.log(`--- ${step.stage}: ${step.name}`)
    outcomes.push(await run(step, join(scratch, 'report.json')))
  }
} finally {
  await rm(scratch, { recursive: true })
}
console.log(`\n${summarise(outcomes, notRun)}`)
process.exitCode = !stopped && outcomes.length > 0 && outcomes.every((o) => o.failed === 0) ? 0 : 1
