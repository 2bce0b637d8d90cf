import t from 'tap'
import { median } from './measurement.ts'
import { benchmarksPage, verdictOf } from './table.rules.ts'

t.test('a target is met on its very limit, and missed without a number', async (t) => {
  const measured = (value: number) => ({ what: 'x', value, unit: 'ms' })
  t.equal(verdictOf(measured(5)), '', 'nothing was promised')
  t.equal(verdictOf({ ...measured(5), target: { atMost: 5 } }), 'met')
  t.equal(verdictOf({ ...measured(5.1), target: { atMost: 5 } }), 'missed')
  t.equal(verdictOf({ ...measured(0.7), target: { atLeast: 0.7 } }), 'met')
  t.equal(verdictOf({ ...measured(NaN), target: { atLeast: 0.7 } }), 'missed')
  t.equal(verdictOf({ ...measured(NaN), target: { atMost: 0.7 } }), 'missed')
})

t.test('the page shows the machine, the numbers, and what could not be measured', async (t) => {
  const page = benchmarksPage(
    ['2 cores'],
    [
      {
        name: 'ingest',
        measurements: [{ what: 'CPU | line', value: 1234.5, unit: 'ns', target: { atMost: 600 }, note: 'median of 3' }]
      },
      { name: 'reads', measurements: [], failure: 'not measured: it ended with 1' }
    ]
  )
  t.match(page, '- 2 cores')
  t.match(page, '| CPU \\| line | 1,235 ns | at most 600 ns | missed | median of 3 |')
  t.match(page, /## reads\n\nnot measured: it ended with 1/)
})

t.test('a median is the middle, or between the two middle ones', async (t) => {
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([4, 1, 2, 3]), 2.5)
  t.ok(Number.isNaN(median([])))
})
