// Runs scripts/bench/*.bench.ts one after the other, each in a process of its own, and writes BENCHMARKS.md.
// Usage: node scripts/bench.ts [NAME...]   (naming some prints their numbers and leaves BENCHMARKS.md alone)
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, release, totalmem, type } from 'node:os'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Measurement } from './bench/measurement.ts'
import { benchmarksPage, verdictOf, type Section } from './bench/table.rules.ts'

const root = join(import.meta.dirname, '..')
const marker = 'measurement '

async function runBench(file: string): Promise<Section> {
  const name = basename(file, '.bench.ts')
  console.log(`--- ${name}`)
  const child = spawn('node', ['--expose-gc', file], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  const measurements: Measurement[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith(marker)) {
      console.log(line)
      continue
    }
    const measured = JSON.parse(line.slice(marker.length)) as Measurement
    measurements.push(measured)
    console.log(`${measured.what}: ${measured.value} ${measured.unit} ${verdictOf(measured)}`.trimEnd())
  }
  const [exitCode] = (await closed) as [number | null]
  if (exitCode === 0 && measurements.length > 0) return { name, measurements }
  return {
    name,
    measurements: [],
    failure: `not measured: it ended with ${exitCode} after ${measurements.length} numbers`
  }
}

const wanted = process.argv.slice(2)
const files = globSync('scripts/bench/*.bench.ts', { cwd: root }).toSorted()
const chosen = files.filter((file) => wanted.length === 0 || wanted.includes(basename(file, '.bench.ts')))
if (chosen.length === 0) {
  console.error(`no such bench; there is ${files.map((file) => basename(file, '.bench.ts')).join(', ') || 'none yet'}`)
  process.exit(64)
}
const sections: Section[] = []
for (const file of chosen) sections.push(await runBench(file))

const machine = [
  `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
  `${type()} ${release()}, Node ${process.versions.node}`,
  `measured ${new Date().toISOString().slice(0, 10)}`
]
if (wanted.length === 0) await writeFile(join(root, 'BENCHMARKS.md'), benchmarksPage(machine, sections))
process.exitCode = sections.some((section) => section.failure !== undefined) ? 1 : 0
