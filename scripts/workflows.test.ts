import t from 'tap'
import { workflowFaults } from './workflows.rules.ts'

const sha = 'a'.repeat(40)
const aWorkflow = (change: (text: string) => string = (text) => text): string =>
  change(`permissions: { contents: read }
jobs:
  lint:
    timeout-minutes: 10
    steps:
      - uses: actions/checkout@${sha} # v7.0.1
      - run: make lint
`)

t.test('a workflow of checkout, setup and make is right', async (t) => t.same(workflowFaults(aWorkflow()), []))

for (const [name, change, fault] of [
  [
    'an action by its tag',
    (text: string) => text.replace(`@${sha} # v7.0.1`, '@v7'),
    /actions\/checkout@v7 is not pinned/
  ],
  ['a pin whose version nobody knows', (text: string) => text.replace(' # v7.0.1', ''), /is not pinned/],
  [
    'a job without a time limit',
    (text: string) => text.replace('timeout-minutes: 10', 'name: x'),
    /no timeout-minutes/
  ],
  ['no permissions', (text: string) => text.replace('permissions: { contents: read }', ''), /permissions/],
  [
    'a step that a laptop has no words for',
    (text: string) => text.replace('make lint', 'curl x | sh'),
    /`curl x \| sh`/
  ]
] as const) {
  t.test(`${name} is a fault`, async (t) => t.match(workflowFaults(aWorkflow(change)), [fault]))
}
