import { existsSync, globSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Top of the checkout. */
export const root = join(import.meta.dirname, '../..')

/** One command of the pipeline. `counts` says how its result is read: as one check, or from what it prints. */
export type Step = {
  stage: Stage
  name: string
  command: readonly [string, ...string[]]
  cwd?: string
  /** what the command is given besides; tap that is given no file runs every file it finds, so none is a failure */
  files?: () => readonly string[]
  counts: 'exit' | 'tap' | 'playwright'
  /** a program without which the step cannot run, and what is lost then */
  needs?: { found: () => boolean; reason: string }
}

export const stages = ['lint', 'types', 'unit', 'build', 'integration', 'e2e'] as const
export type Stage = (typeof stages)[number]

const find = (...patterns: string[]) => globSync(patterns, { cwd: root, exclude: ['**/node_modules'] }).toSorted()

const browser = {
  found: () => [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/google-chrome'].some((p) => p && existsSync(p)),
  reason: 'no Chromium here (on Debian as root: make deps; elsewhere set CHROMIUM to its path)'
}

const nomad = {
  found: () => (process.env['PATH'] ?? '').split(delimiter).some((dir) => existsSync(join(dir, 'nomad'))),
  reason: 'no nomad in PATH: its jobs are checked as files only'
}

const bases = join(root, '.make/images/policy.json')
const images = {
  found: () => process.getuid?.() === 0 && existsSync('/usr/bin/buildah') && existsSync(bases),
  reason: 'no base images here (as root, with buildah and debootstrap: scripts/image/base.sh)'
}

/** Tests of the integration stage that take longer than one test file may, and need what few machines have. */
const long = ['api/test/nomad-jobs.test.ts', 'api/test/images.test.ts']

/** Tests that send load, or start many processes: beside others they would measure those, so they run one at a time. */
const busy = find(
  'api/test/{load,load-line,load-targets,edge,faults,canary-process}.test.ts',
  'scripts/src/{load,perf,perf-compare,push}.test.ts'
)

const without = (files: readonly string[], ...others: readonly (readonly string[])[]): string[] =>
  files.filter((file) => !others.some((other) => other.includes(file)))

const tsc = 'node_modules/@typescript/native/bin/tsc'

export const steps: readonly Step[] = [
  // SvelteKit writes the tsconfig that the web's files extend; npm ci deletes it
  { stage: 'lint', name: 'svelte-kit sync', command: ['svelte-kit', 'sync'], cwd: 'web', counts: 'exit' },
  { stage: 'lint', name: 'oxlint', command: ['oxlint', '--type-aware'], counts: 'exit' },
  { stage: 'lint', name: 'eslint (svelte)', command: ['eslint', '.'], counts: 'exit' },
  { stage: 'lint', name: 'prettier', command: ['prettier', '--check', '--log-level', 'warn', '.'], counts: 'exit' },
  { stage: 'lint', name: 'import law', command: ['depcruise', 'api', 'scripts', 'web/src'], counts: 'exit' },
  { stage: 'lint', name: 'workflows', command: ['node', 'scripts/workflows.ts'], counts: 'exit' },
  { stage: 'lint', name: 'lock file', command: ['node', 'scripts/lock-check.js'], counts: 'exit' },
  {
    stage: 'lint',
    name: 'licences and secrets',
    command: ['node', 'scripts/audit/main.ts', '--offline'],
    counts: 'exit'
  },
  { stage: 'types', name: 'api', command: ['node', tsc, '-p', 'api/tsconfig.json'], counts: 'exit' },
  { stage: 'types', name: 'scripts', command: ['node', tsc, '-p', 'scripts/tsconfig.json'], counts: 'exit' },
  { stage: 'types', name: 'web', command: ['npm', 'run', '--silent', 'check', '-w', 'web'], counts: 'exit' },
  { stage: 'types', name: 'browser tests', command: ['node', tsc, '-p', 'web/e2e/tsconfig.json'], counts: 'exit' },
  {
    stage: 'types',
    name: 'generated files',
    command: ['node', 'scripts/generated/main.ts', '--check'],
    counts: 'exit'
  },
  { stage: 'types', name: 'contract kept', command: ['node', 'scripts/openapi/main.ts'], counts: 'exit' },
  {
    stage: 'unit',
    name: 'tap',
    command: ['tap', '--jobs=2'],
    files: () => without(find('api/src/**/*.test.ts', 'web/src/**/*.test.ts', 'scripts/**/*.test.ts'), busy),
    counts: 'tap'
  },
  { stage: 'build', name: 'web', command: ['make', '--no-print-directory', 'build'], counts: 'exit' },
  {
    stage: 'integration',
    name: 'tap',
    command: ['tap', '--jobs=2'],
    files: () => without(find('api/test/**/*.test.ts'), busy, long),
    counts: 'tap'
  },
  {
    stage: 'integration',
    name: 'one at a time',
    command: ['tap', '--jobs=1'],
    files: () => busy,
    counts: 'tap'
  },
  {
    stage: 'integration',
    name: 'jobs on Nomad',
    command: ['tap', '--timeout=240'],
    files: () => ['api/test/nomad-jobs.test.ts'],
    counts: 'tap',
    needs: nomad
  },
  {
    stage: 'integration',
    name: 'images',
    command: ['tap', '--timeout=300'],
    files: () => ['api/test/images.test.ts'],
    counts: 'tap',
    needs: images
  },
  {
    stage: 'e2e',
    name: 'browser',
    command: ['playwright', 'test', '--reporter=list,json'],
    counts: 'playwright',
    needs: browser
  }
]
