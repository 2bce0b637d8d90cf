import type { OptionValues } from '../../cli/command.ts'
import { loadOptions } from '../../cli/load-options.ts'
import { pushOptions } from '../../push/push.ts'
import { reportOptions } from '../tell-report.ts'

/** Options of `perf compare`. */
export const compareOptions = {
  base: { type: 'string', value: 'REF', description: 'the commit, branch or tag to compare with' },
  head: { type: 'string', value: 'REF', description: 'the commit that is judged (HEAD)' },
  reference: {
    type: 'string',
    value: 'FILE|RUN_ID',
    description: 'compare with this stored run instead of a commit (what perf pin wrote, when no --base is given)'
  },
  'base-target': { type: 'string', value: 'URL', description: 'a server that runs already, as base' },
  target: { type: 'string', value: 'URL', description: 'a server that runs already, as head' },
  margin: { type: 'string', value: 'SHARE', description: 'how much worse head may be (10%)' },
  rounds: { type: 'string', value: 'N', description: 'most rounds, 6 to 60 (20)' },
  rate: { type: 'string', value: 'R', description: 'requests per second (40 % of what base carries, at most 500)' },
  duration: { type: 'string', value: 'TIME', description: 'counted time at that rate in each round (5s)' },
  saturation: { type: 'string', value: 'TIME', description: 'counted time of each saturation run (3s)' },
  connections: { type: 'string', value: 'N', description: 'connections of the saturation runs (16)' },
  'warn-when-unsure': {
    type: 'boolean',
    description: 'rounds that did not suffice are a warning (exit 0), unless the estimate is beyond the margin'
  },
  bare: { type: 'boolean', description: 'no Caddy in front, even when one is installed' },
  ...reportOptions,
  ...loadOptions,
  ...pushOptions
} as const

export type CompareGiven = OptionValues<typeof compareOptions>
