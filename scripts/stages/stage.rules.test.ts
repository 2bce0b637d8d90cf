import t from 'tap'
import { countExit, countPlaywright, countTap, summarise } from './stage.rules.ts'

t.test('a command is one check, told by its exit code', async (t) => {
  t.same(countExit(0), { passed: 1, failed: 0, skipped: 0 })
  t.same(countExit(3), { passed: 0, failed: 1, skipped: 0 })
})

t.test('tap suites are counted by their last line', async (t) => {
  const cases = [
    { name: 'all green', output: 'ok a\n12 passed, 0 failed\n', exit: 0, wanted: [12, 0, 0] },
    { name: 'failures and skips', output: '3 passed, 2 failed, 1 skipped', exit: 1, wanted: [3, 2, 1] },
    { name: 'no test ran', output: '0 passed, 0 failed', exit: 0, wanted: [0, 1, 0] },
    { name: 'only skipped tests prove nothing', output: '0 passed, 0 failed, 4 skipped', exit: 0, wanted: [0, 1, 4] },
    { name: 'crashed before counting', output: 'Error: boom', exit: 1, wanted: [0, 1, 0] },
    { name: 'crashed after its tests passed', output: '5 passed, 0 failed', exit: 1, wanted: [5, 1, 0] }
  ]
  for (const { name, output, exit, wanted } of cases) {
    const [passed, failed, skipped] = wanted
    t.same(countTap(output, exit), { passed, failed, skipped }, name)
  }
})

t.test('browser tests are counted by the report', async (t) => {
  const report = JSON.stringify({ stats: { expected: 7, unexpected: 1, flaky: 1, skipped: 2 } })
  t.same(countPlaywright(report, 1), { passed: 7, failed: 2, skipped: 2 }, 'a flaky test has failed')
  t.same(countPlaywright(undefined, 1), { passed: 0, failed: 1, skipped: 0 }, 'no report is a failure')
})

t.test('the summary ends with the sum and names what was not run', async (t) => {
  const outcome = { stage: 'unit', step: 'tap', passed: 3, failed: 0, skipped: 1, durationMs: 1_234 }
  const lines = summarise(
    [outcome, { ...outcome, stage: 'e2e', step: 'playwright', failed: 2, skipped: 0 }],
    [{ stage: 'e2e', step: 'x', reason: 'no y' }]
  ).split('\n')
  t.match(lines[0], /^ok {3}unit: tap +1\.2 s {2}3 passed, 0 failed, 1 skipped$/)
  t.match(lines[1], /^FAIL e2e: playwright/)
  t.equal(lines[2], 'not run: e2e: x: no y')
  t.equal(lines.at(-1), '6 passed, 2 failed')
})
