import t from 'tap'
import { lineStatus } from '../../../e2e/support/load.ts'
import { SCENES } from '../../../e2e/support/scene.ts'
import { detail, objective } from '../../../e2e/support/services.ts'
import { formulaLines, lastEventAt, whyHeadroom, whyObjective, whyService } from './content.ts'

const NOW = Date.UTC(2026, 10, 22, 12)
const [scene] = SCENES
if (!scene) throw new Error('there is no scene')
const service = detail(scene, NOW)
const plain = (text: string): string => text.replaceAll('\u00a0', ' ')

t.test('every number of a service has a value, a formula and says when it was fresh', (t) => {
  for (const about of ['state', 'rate', 'errors', 'p95', 'coverage'] as const) {
    const why = whyService(about, service)
    t.ok(why.value && why.formula.includes('='), about)
    t.match(why.title, /, Checkout$/)
    t.equal(why.freshAt, lastEventAt(service))
  }
  t.same(whyService('state', service).reasons, service.reasons)
  t.end()
})

t.test('headroom says against which line, whether it is believed, and what to do without one', (t) => {
  const known = whyHeadroom(lineStatus(scene, 20, NOW), service)
  t.match(known, { title: 'Headroom, Checkout', state: null, reasons: [], value: /\d+.%/ })
  t.match(known.inputs[1]?.source, /^measured 2026-11-19.* on 2026\.11\.3$/)
  t.match(whyHeadroom(lineStatus({ ...scene, lineAgeMs: 20 * 86_400_000 }, 20, NOW), service), {
    state: 'warn',
    reasons: [{ code: 'line_old' }]
  })
  t.equal(whyHeadroom(lineStatus(scene, 400, NOW), service).state, 'fail', 'more traffic than it carries')
  t.match(whyHeadroom(lineStatus({ ...scene, headroomRatio: null }, 20, NOW), service), {
    state: 'could_not_measure',
    value: 'no load line yet',
    reasons: [{ code: 'no_load_line', next: /npx plimsoll load line URL/ }]
  })
  t.match(whyHeadroom(lineStatus(scene, null, NOW), service), { value: '–', reasons: [{ code: 'no_traffic' }] })
  t.end()
})

t.test('an objective is explained by what the API says of it', (t) => {
  const [brief] = scene.objectives
  if (!brief) return t.end()
  const why = whyObjective(objective(scene, brief, NOW, true), 'checkout')
  t.equal(plain(why.value), '−34.0 % of the budget left')
  t.same(
    why.inputs.map(({ name }) => name),
    ['total', 'bad', 'target']
  )
  t.equal(why.exclusions.length, 3)
  t.match(why.notes.map(plain), [
    'Spent 11 days ago.',
    /100 % of the window/,
    /−31.9 % would be left/,
    'Revision 2 of the objective.'
  ])
  const bare = whyObjective(objective(scene, brief, NOW, false), 'checkout')
  t.equal(bare.formula, '', 'an unexplained one still has its reasons and window')
  t.ok(bare.window && bare.reasons.length > 0)
  t.end()
})

t.test('the last event of a service is the newest of all its sources, if there is any', (t) => {
  t.equal(lastEventAt({ sources: [] }), null)
  const [source] = service.sources
  if (!source) return t.end()
  t.equal(
    lastEventAt({
      sources: [
        { ...source, lastEventAt: '2026-11-22T11:00:00Z' },
        { ...source, lastEventAt: null },
        { ...source, lastEventAt: '2026-11-22T11:30:00Z' }
      ]
    }),
    '2026-11-22T11:30:00Z'
  )
  t.end()
})

t.test('a formula of several steps stands on several lines', (t) => {
  t.same(formulaLines('bad = 5xx; allowed = total × (1 - target)'), ['bad = 5xx', 'allowed = total × (1 - target)'])
  t.same(formulaLines(''), [])
  t.end()
})
