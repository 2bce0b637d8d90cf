import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { command } from '../cli/command.ts'
import { faultLine } from '../cli/plan-input.ts'

export const planCheck = command({
  noun: 'plan',
  verb: 'check',
  summary: 'whether a plan file is right; every fault with line and column. Needs no running Plimsoll',
  operands: [{ name: 'FILE', description: 'a plan file (./plan.yaml), - for standard input', optional: true }],
  options: {},
  examples: ['plimsoll plan check plan.yaml', 'plimsoll plan check plan.yaml --json | jq .faults'],
  exits: { 0: 'it is right (warnings may be shown)', 1: 'it has errors', 2: 'it could not be read' },
  async run({ operands: [file = 'plan.yaml'] }, { output }) {
    const bytes = file === '-' ? await buffer(process.stdin) : await readFile(file)
    const { parsePlan } = await import('../../../api/src/plan/parse.rules.ts')
    const { plan, faults } = parsePlan(bytes)
    const errors = faults.filter((fault) => fault.severity === 'error').length
    const warnings = faults.length - errors
    const verdict =
      plan === null
        ? `${file}: ${counted(errors, 'error')}`
        : `${file} is right: ${counted(plan.services.length, 'service')}, ${counted(warnings, 'warning')}`
    output.result({ file, valid: plan !== null, faults }, [...faults.map((fault) => faultLine(file, fault)), verdict])
    return plan === null ? 1 : 0
  }
})

const counted = (n: number, noun: string): string => `${n} ${n === 1 ? noun : `${noun}s`}`
