import { command } from '../cli/command.ts'
import { changeLines, faultLine, readPlan, yamlHeaders } from '../cli/plan-input.ts'

export const planDiff = command({
  noun: 'plan',
  verb: 'diff',
  summary: 'what applying a plan file would change; nothing is applied',
  operands: [{ name: 'FILE', description: 'a plan file, - for standard input' }],
  options: { 'exit-code': { type: 'boolean', description: 'exit 1 also when something would change' } },
  examples: ['plimsoll plan diff plan.yaml', 'plimsoll plan diff plan.yaml --exit-code'],
  exits: { 0: 'the plan could be applied', 1: 'the plan has errors; with --exit-code: or would change something' },
  async run({ operands: [file = '-'], options }, { call, output, signal }) {
    const body = await readPlan(file)
    const reply = await call('POST /api/v1/plan/diff', { body, headers: yamlHeaders, signal })
    const broken = reply.faults.some((fault) => fault.severity === 'error')
    output.result(reply, [
      ...reply.faults.map((fault) => faultLine(file, fault)),
      ...(broken ? [] : changeLines(reply.changes, output))
    ])
    return broken || (options['exit-code'] && reply.changes.length > 0) ? 1 : 0
  }
})
