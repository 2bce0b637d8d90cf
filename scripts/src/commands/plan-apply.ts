import { ApiError } from '../../../api/src/contract/client.ts'
import { command } from '../cli/command.ts'
import { changeLines, faultLine, faultsOf, readPlan, yamlHeaders } from '../cli/plan-input.ts'

export const planApply = command({
  noun: 'plan',
  verb: 'apply',
  summary: 'make a plan file the plan in force; one with an error changes nothing',
  operands: [{ name: 'FILE', description: 'a plan file, - for standard input' }],
  options: {
    'if-match': { type: 'string', value: 'ETAG', description: 'only when the plan in force is still this one' }
  },
  examples: ['plimsoll plan apply plan.yaml', 'plimsoll plan check plan.yaml && plimsoll plan apply plan.yaml'],
  exits: { 0: 'applied', 1: 'refused, the plan in force stays' },
  async run({ operands: [file = '-'], options }, { call, output, signal }) {
    const body = await readPlan(file)
    const headers = {
      ...yamlHeaders,
      'x-plan-source': 'cli',
      ...(options['if-match'] && { 'if-match': options['if-match'] })
    }
    try {
      const reply = await call('PUT /api/v1/plan', { body, headers, signal })
      output.result(reply, [...changeLines(reply.changes, output), `Revision ${reply.status.revision} is in force.`])
      return 0
    } catch (error) {
      if (!(error instanceof ApiError) || ![400, 409, 412, 413, 422].includes(error.status) || !error.problem)
        throw error
      const faults = faultsOf(error.problem)
      output.result({ problem: error.problem }, [
        ...faults.map((fault) => faultLine(file, fault)),
        `Refused: ${error.message} [${error.problem.code}]`,
        ...(error.problem.hint ? [`  ${error.problem.hint}`] : [])
      ])
      return 1
    }
  }
})
