import { command } from '../cli/command.ts'
import { faultLine } from '../cli/plan-input.ts'

export const planShow = command({
  noun: 'plan',
  verb: 'show',
  summary: 'the plan in force, where it came from, and the last file that was refused',
  options: {},
  examples: ['plimsoll plan show', 'plimsoll plan show --json | jq .revision'],
  exits: { 0: 'shown' },
  async run(_, { call, output, signal }) {
    const status = await call('GET /api/v1/plan', { signal })
    const { refused } = status
    output.result(status, [
      `# revision ${status.revision}, from ${status.file ?? status.source}, by ${status.appliedBy}, ${status.appliedAt ?? 'never applied'}`,
      ...status.warnings.map((fault) => `# ${faultLine(status.file ?? 'plan', fault)}`),
      ...(refused
        ? [`# refused ${refused.at}:`, ...refused.faults.map((f) => `# ${faultLine(refused.source, f)}`)]
        : []),
      status.yaml.trimEnd()
    ])
    return 0
  }
})
