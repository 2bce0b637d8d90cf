import t from 'tap'
import { alertState, around } from './words.ts'

const HOUR = 3_600_000
const at = (ms: number): string => new Date(ms).toISOString()

t.test('an alert is shown with what came before and after it, never the future', (t) => {
  t.same(around({ openedAt: at(10 * HOUR), resolvedAt: at(14 * HOUR) }, 100 * HOUR), {
    fromMs: 8 * HOUR,
    toMs: 16 * HOUR
  })
  t.same(around({ openedAt: at(10 * HOUR), resolvedAt: null }, 10 * HOUR + 60_000), {
    fromMs: 9.5 * HOUR,
    toMs: 10 * HOUR + 60_000
  })
  t.end()
})

t.test('a resolved alert is no longer drawn as one, an open one by what it asks', (t) => {
  t.equal(alertState({ state: 'resolved', severity: 'page' }), 'pass')
  t.equal(alertState({ state: 'open', severity: 'page' }), 'fail')
  t.equal(alertState({ state: 'open', severity: 'ticket' }), 'warn')
  t.equal(alertState({ state: 'open', severity: 'notice' }), 'not_enough_evidence')
  t.end()
})
