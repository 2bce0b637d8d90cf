// make audit: known weaknesses of what we depend on, licences, secrets in the tree. `--offline` asks no registry.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../stages/steps.ts'
import { licenceText, refusedLicences, type LockedPackage } from './licences.rules.ts'
import { leaksIn } from './secrets.rules.ts'

/** Larger files are data; a secret in them is beyond a search by looks. */
const largestBytes = 2_000_000

const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** What the index of the checkout holds, and what would be added to it. */
const files = (): string[] =>
  execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
    .split('\0')
    .filter((name) => name !== '' && isReadable(join(root, name)))

/** A link to a directory, as one to packages elsewhere, is listed like a file. */
const isReadable = (path: string): boolean => {
  const found = statSync(path, { throwIfNoEntry: false })
  return found !== undefined && found.isFile() && found.size < largestBytes
}

/** Tests make up tokens and passwords to see that they are hidden. */
const isSample = (name: string): boolean => /\.test\.ts$|(^|\/)(test|e2e)\//.test(name)

function secretsAreAbsent(): boolean {
  const found = files().flatMap((name) =>
    leaksIn(readFileSync(join(root, name), 'utf8'), isSample(name)).map(({ kind, line }) => `${name}:${line}: ${kind}`)
  )
  for (const leak of found) say(`secret    ${leak}`)
  if (found.length === 0) say('secrets   none in the tree')
  return found.length === 0
}

function licencesAreTaken(): boolean {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockedPackage>
  }
  const refused = refusedLicences(packages, licenceInstalled)
  for (const { path, licence } of refused) say(`licence   ${path}: ${licence}`)
  if (refused.length === 0) say(`licences  all of ${Object.keys(packages).length} packages are taken`)
  return refused.length === 0
}

const licenceInstalled = (path: string): string | null => {
  const file = join(root, path, 'package.json')
  if (!existsSync(file)) return null
  const { license, licenses } = JSON.parse(readFileSync(file, 'utf8')) as { license?: unknown; licenses?: unknown }
  return licenceText(license ?? licenses) ?? licenceByText(join(root, path))
}

/** A package that names no licence may still bring the text of one. */
const licenceByText = (directory: string): string | null => {
  const name = readdirSync(directory).find((one) => /^licen[cs]e/i.test(one))
  if (name === undefined) return null
  return /Permission is hereby granted, free of charge/.test(readFileSync(join(directory, name), 'utf8')) ? 'MIT' : null
}

interface NpmAudit {
  readonly metadata?: { readonly vulnerabilities: Readonly<Record<string, number>> }
  readonly vulnerabilities?: Readonly<Record<string, { readonly severity: string; readonly via: readonly unknown[] }>>
}

/** A registry that does not answer has found nothing, and says so: neither clean nor weak. */
function weaknessesAreAbsent(): boolean {
  const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], {
    cwd: root,
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, npm_config_fetch_retries: '1', npm_config_fetch_timeout: '20000' }
  })
  const report = parse(stdout)
  if (!report?.metadata) {
    say(
      'npm audit could not be asked: the registry gave no answer. Nothing is known of weaknesses; run it where it does'
    )
    return true
  }
  const grave = Object.entries(report.vulnerabilities ?? {}).filter(([, { severity }]) =>
    /high|critical/.test(severity)
  )
  for (const [name, { severity }] of grave) say(`weakness  ${name}: ${severity} (npm audit tells more)`)
  const { total = 0 } = report.metadata.vulnerabilities
  if (grave.length === 0) say(`npm audit no grave weakness in what runs${total > 0 ? `, ${total} lesser ones` : ''}`)
  return grave.length === 0
}

const parse = (text: string): NpmAudit | null => {
  try {
    return JSON.parse(text) as NpmAudit
  } catch {
    return null
  }
}

const checks = [
  secretsAreAbsent,
  licencesAreTaken,
  ...(process.argv.includes('--offline') ? [] : [weaknessesAreAbsent])
]
process.exitCode = checks.map((check) => check()).every(Boolean) ? 0 : 1
