import type { Measurement } from './measurement.ts'

export interface Section {
  /** Name of the bench file without its endings. */
  readonly name: string
  readonly measurements: readonly Measurement[]
  /** Why the file has no numbers, when it has none. */
  readonly failure?: string
}

/** `met`, `missed`, or nothing where nothing was promised. Exactly on the target is met; no number is missed. */
export function verdictOf({ value, target }: Measurement): '' | 'met' | 'missed' {
  if (!target) return ''
  const met = 'atMost' in target ? value <= target.atMost : value >= target.atLeast
  return met ? 'met' : 'missed'
}

/** BENCHMARKS.md: the machine, then a table a bench file. */
export function benchmarksPage(machine: readonly string[], sections: readonly Section[]): string {
  return (
    [
      '# Benchmarks',
      'Written by `make bench`. Numbers hold for this machine; ratios within one run travel further.',
      machine.map((line) => `- ${line}`).join('\n'),
      ...sections.flatMap((section) => [`## ${section.name}`, section.failure ?? tableOf(section.measurements)])
    ].join('\n\n') + '\n'
  )
}

function tableOf(measurements: readonly Measurement[]): string {
  const rows = measurements.map((m) => [
    m.what,
    `${written(m.value)} ${m.unit}`,
    targetOf(m),
    verdictOf(m),
    m.note ?? ''
  ])
  return [['what', 'measured', 'target', '', 'how'], ['---', '---:', '---', '---', '---'], ...rows]
    .map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n')
}

const targetOf = ({ target, unit }: Measurement): string => {
  if (!target) return ''
  return 'atMost' in target
    ? `at most ${written(target.atMost)} ${unit}`
    : `at least ${written(target.atLeast)} ${unit}`
}

/** Three significant digits below 1000, whole and grouped above. */
const written = (value: number): string =>
  Math.abs(value) >= 1_000 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)))
