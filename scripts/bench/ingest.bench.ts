// Counting a generated access log, beside what else reads such files; one after the other in each round.
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { caddyLines } from './caddy-lines.ts'
import { median, report } from './measurement.ts'

const rounds = 5
const manyLines = 1_000_000
/** For readers that would take minutes for all of it. */
const fewLines = 50_000

const directory = mkdtempSync(join(tmpdir(), 'plimsoll-bench-'))
try {
  measure(write('many.ndjson', manyLines), write('few.ndjson', fewLines))
} finally {
  rmSync(directory, { recursive: true })
}

function write(name: string, count: number): string {
  const path = join(directory, name)
  const file = openSync(path, 'w')
  const lines = caddyLines({ seed: 7, releases: ['v1', 'v2'] })
  for (let done = 0; done < count; done += 10_000) {
    const some = Array.from({ length: Math.min(10_000, count - done) }, () => lines.next().value)
    writeSync(file, `${some.join('\n')}\n`)
  }
  closeSync(file)
  return path
}

interface Reader {
  readonly name: string
  readonly lines: number
  /** CPU of one whole run, ns. */
  run(): number
}

function measure(many: string, few: string): void {
  const lineBytes = statSync(many).size / manyLines
  console.log(`${manyLines} lines of ${Math.round(lineBytes)} bytes`)
  const memoryMb: number[] = []
  const ours: Reader = {
    name: 'ours',
    lines: manyLines,
    run() {
      const { stdout } = spawnSync('node', [join(import.meta.dirname, 'ingest-reader.ts'), many], { encoding: 'utf8' })
      const result = JSON.parse(stdout) as { cpuUs: number; counted: number; memoryMb: number }
      if (result.counted !== manyLines) throw new Error(`counted ${result.counted} of ${manyLines} lines`)
      memoryMb.push(result.memoryMb)
      return result.cpuUs * 1_000
    }
  }
  const program = (name: string, lines: number, command: readonly string[]): Reader => ({
    name,
    lines,
    run: () => cpuOf(command)
  })
  const others = [
    program('wc -l', manyLines, ['wc', '-l', many]),
    program('jq', fewLines, ['jq', '-c', '[.ts, .status, .duration, .request.host, .request.uri]', few]),
    program('goaccess', fewLines, ['goaccess', few, '--log-format=CADDY', '-o', join(directory, 'report.json')])
  ].filter(({ name }) => isInstalled(name.split(' ')[0]!))

  const readers = [ours, ...others]
  const nsPerLine = new Map(readers.map(({ name }) => [name, [] as number[]]))
  for (let round = 0; round < rounds; round++) {
    for (const reader of readers) nsPerLine.get(reader.name)!.push(reader.run() / reader.lines)
  }
  const of = (name: string): number => median(nsPerLine.get(name)!)
  const spread = (name: string): string => {
    const values = nsPerLine.get(name)!
    return `median of ${rounds}; fastest ${Math.round(Math.min(...values))}, slowest ${Math.round(Math.max(...values))}`
  }
  report({
    what: 'log ingest, CPU per line counted into slices',
    value: of('ours'),
    unit: 'ns',
    target: { atMost: 600 },
    note: `${manyLines} lines of ${Math.round(lineBytes)} bytes; ${spread('ours')}`
  })
  report({ what: 'log ingest, lines a second of one core', value: 1e9 / of('ours'), unit: 'lines/s' })
  report({ what: 'log ingest, one core', value: (lineBytes * 1e3) / of('ours'), unit: 'MB/s' })
  report({ what: 'log ingest, memory of the whole process', value: median(memoryMb), unit: 'MB' })
  for (const { name, lines } of others) {
    report({ what: `${name}, CPU per line`, value: of(name), unit: 'ns', note: `${lines} lines; ${spread(name)}` })
    report({ what: `ours beside ${name}`, value: of('ours') / of(name), unit: 'times', note: 'in the same rounds' })
  }
}

function isInstalled(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0
}

/** User and system time of a program as the shell accounts for it. */
function cpuOf(command: readonly string[]): number {
  const script = 'TIMEFORMAT="%U %S"; time "$@" >/dev/null 2>&1'
  const { stderr, status } = spawnSync('bash', ['-c', script, 'bash', ...command], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command[0]} ended with ${status}`)
  const [userS = NaN, systemS = NaN] = stderr.trim().split(' ').map(Number)
  return (userS + systemS) * 1e9
}
