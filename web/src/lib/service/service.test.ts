import t from 'tap'
import { burnBar, chosenObjective, exceeds } from './burn.ts'
import { filterQuery, parseFilter } from './filter.ts'
import { skippedOf } from './sources.ts'
import { TIDE_TICKS, tideTone } from './tide.ts'

const aObjective = (name: string, state: 'pass' | 'fail' | 'warn', remainingRatio: number | null) => ({
  name,
  state,
  budget: { remainingRatio }
})

t.test('the worst objective is shown first, unless another is asked for', (t) => {
  const all = [
    aObjective('a', 'pass', 0.1),
    aObjective('b', 'warn', 0.5),
    aObjective('c', 'warn', 0.2),
    aObjective('d', 'warn', null)
  ]
  t.equal(chosenObjective(all, null)?.name, 'c')
  t.equal(chosenObjective(all, 'a')?.name, 'a')
  t.equal(chosenObjective(all, 'gone')?.name, 'c')
  t.equal(chosenObjective([], null), null)
  t.end()
})

t.test('nothing burned has no bar, a little has a short one, and much stays in the picture', (t) => {
  t.equal(burnBar({ rate: null }), 0)
  t.equal(burnBar({ rate: 0 }), 0)
  t.equal(burnBar({ rate: 0.0001 }), 0.01)
  t.equal(burnBar({ rate: 100_000 }), 1)
  t.ok(exceeds({ rate: 15, limit: 14.4 }))
  t.notOk(exceeds({ rate: 14.4, limit: 14.4 }))
  t.notOk(exceeds({ rate: 15, limit: null }))
  t.end()
})

t.test('users’ traffic is shown unless another class is asked for', (t) => {
  t.same(filterQuery(parseFilter(new URLSearchParams())), { class: 'user' })
  t.same(filterQuery(parseFilter(new URLSearchParams('class=load&route=/a&release='))), {
    class: 'load',
    route: '/a',
    release: ''
  })
  t.same(parseFilter(new URLSearchParams('class=toString')).class, 'user')
  t.end()
})

t.test('skipped lines are told by reason, most first', (t) => {
  const counts = {
    read: 9,
    counted: 1,
    filtered: 0,
    late: 0,
    aborted: 0,
    dropped: 0,
    unsignedClaims: 0,
    skipped: { not_json: 2, too_long: 0, other_format: 6 }
  }
  t.same(skippedOf({ counts }), [
    ['other format', 6],
    ['not json', 2]
  ])
  t.end()
})

t.test('the tide is marked by what is left, and coloured only when that is little', (t) => {
  t.same(
    TIDE_TICKS.map(({ label }) => label.replace('\u00a0', ' ')),
    ['100 %', '75 %', '50 %', '25 %', '0 %']
  )
  t.same((['pass', 'warn', 'fail', 'could_not_measure'] as const).map(tideTone), ['sea', 'warn', 'fail', 'sea'])
  t.end()
})
