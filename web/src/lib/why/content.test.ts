import t from 'tap'
import { SCENES } from '../../../e2e/support/scene.ts'
import { detail, objective } from '../../../e2e/support/services.ts'
import { formulaLines, lastEventAt, whyObjective, whyService } from './content.ts'

const NOW = Date.UTC(2026, 10, 22, 12)
const [scene] = SCENES
if (!scene) throw new Error('there is no scene')
const service = detail(scene, NOW)
const plain = (text: string): string => text.replaceAll('\u00a0', ' ')

t.test('every number of a service has a value, a formula and says when it was fresh', (t) => {
  for (const about of ['state', 'rate', 'errors', 'p95', 'headroom', 'coverage'] as const) {
    const why = whyService(about, service)
    t.ok(why.value && why.formula.includes('='), about)
    t.match(why.title, /, Checkout$/)
    t.equal(why.freshAt, lastEventAt(service))
  }
  t.same(whyService('state', service).reasons, service.reasons)
  t.equal(plain(whyService('headroom', { ...service, headroomRatio: null, loadLine: null }).value), '–')
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
