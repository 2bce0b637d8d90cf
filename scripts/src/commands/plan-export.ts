import { command } from '../cli/command.ts'
import { wrongUsage } from '../cli/failure.ts'

const formats = ['given', 'resolved', 'openslo'] as const

export const planExport = command({
  noun: 'plan',
  verb: 'export',
  summary: 'the plan in force as YAML: as given, resolved, or as OpenSLO v1',
  options: {
    format: { type: 'string', value: 'FORMAT', description: `${formats.join(', ')} (given)` }
  },
  examples: ['plimsoll plan export > plan.yaml', 'plimsoll plan export --format openslo > slo.yaml'],
  exits: { 0: 'written' },
  async run({ options }, { call, output, signal }) {
    const format = formats.find((known) => known === (options.format ?? 'given'))
    if (!format) throw wrongUsage(`there is no format ${options.format}`, `--format ${formats.join('|')}`)
    const yaml = await call('GET /api/v1/plan/export', { query: { format }, signal })
    output.result({ format, yaml }, [yaml.trimEnd()])
    return 0
  }
})
