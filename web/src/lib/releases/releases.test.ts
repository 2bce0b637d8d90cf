import t from 'tap'
import type { Canary, CanaryState, Release, ReleaseState } from '@plimsoll/api/contract'
import { byDay } from './days.ts'
import { drawEvidence, evidenceShare, odds } from './evidence.ts'
import { releasePages, withReleases } from './marks.ts'
import { standingOf } from './standing.ts'
import { CANARY_STANDS, releaseMark, STANDS, standsAs, timesAs, timesWithin } from './words.ts'

const at = '2026-11-22T03:12:00.000Z'
const canary = (state: CanaryState, given: Partial<Canary> = {}): Canary =>
  ({ state, text: `canary ${state}`, act: true, toDecide: null, ...given }) as Canary
const action = (given: Partial<Release['actions'][number]>): Release['actions'][number] => ({
  action: 'fail',
  by: 'plimsoll',
  reason: 'failures: 4.2×',
  intendedAt: at,
  state: 'done',
  settledAt: at,
  text: 'seen',
  ...given
})
const release = (given: Partial<Release>): Release =>
  ({
    state: 'canary',
    text: 'what Nomad says',
    version: '2',
    previousVersion: '1',
    canary: null,
    actions: [],
    endedAt: null,
    nomad: null,
    ...given
  }) as Release

t.test('every state of a release and of its canary has a headline and a reason', (t) => {
  for (const state of Object.keys(STANDS) as ReleaseState[]) {
    const { title, why } = standingOf(release({ state }))
    t.ok(title && why, state)
  }
  for (const state of Object.keys(CANARY_STANDS) as CanaryState[]) {
    const { title, why } = standingOf(release({ canary: canary(state) }))
    t.ok(title, state)
    t.equal(why, `canary ${state}`)
  }
  t.end()
})

t.test('why it stopped is what it was stopped for, not what Nomad calls it', (t) => {
  const stopped = release({ state: 'reverted', canary: canary('fail'), actions: [action({})], endedAt: at })
  t.match(standingOf(stopped), {
    mark: 'fail',
    title: 'Stopped, and taken back',
    why: 'failures: 4.2×',
    next: '1 serves again: nobody gets 2 any more'
  })
  const overtaken = release({ state: 'failed', canary: canary('fail'), actions: [action({ state: 'failed' })] })
  t.equal(standingOf(overtaken).why, 'canary fail', 'what did not work did not stop it')
  t.equal(standingOf(release({ state: 'failed' })).why, 'what Nomad says')
  t.end()
})

t.test('who only observes is told to act, who acts says what it does', (t) => {
  t.equal(standingOf(release({ canary: canary('pass') })).next, 'Plimsoll promotes it')
  t.equal(
    standingOf(release({ canary: canary('pass', { act: false }) })).next,
    'Plimsoll only observes here: promote it'
  )
  t.match(standingOf(release({ canary: canary('fail', { act: false }) })).next, /until you fail it/)
  t.end()
})

t.test('what it takes to decide is told while it is judged', (t) => {
  const toDecide = { requests: 2_300, durationMs: 360_000, text: 'about 2,300 more clean requests' }
  t.equal(standingOf(release({ canary: canary('running', { toDecide }) })).next, toDecide.text)
  t.end()
})

t.test('a hold by a person stands above the judgement until something else is done', (t) => {
  const hold = action({ action: 'hold', by: 'anna', reason: 'waiting for legal' })
  t.match(standingOf(release({ canary: canary('running'), actions: [hold] })), {
    mark: 'warn',
    title: 'Held by anna',
    why: 'waiting for legal'
  })
  t.equal(standingOf(release({ canary: canary('running'), actions: [hold, action({})] })).title, 'Not decided yet')
  t.end()
})

t.test('an order that waits, or did not work, stands above how the canary does', (t) => {
  const promote = action({ action: 'promote', by: 'anna', reason: 'enough', text: '403: no promote-deployment' })
  const standing = (state: 'intended' | 'failed') =>
    standingOf(release({ canary: canary('pass'), actions: [{ ...promote, state }] }))
  t.match(standing('intended'), { mark: 'warn', title: 'Promote: ordered by anna, not carried out yet', why: 'enough' })
  t.match(standing('failed'), { mark: 'fail', title: /did not work/, why: '403: no promote-deployment' })
  t.end()
})

t.test('marks: what has ended counts before what its canary said', (t) => {
  t.equal(releaseMark({ state: 'promoted', canaryState: 'warn' }), 'pass')
  t.equal(releaseMark({ state: 'reverted', canaryState: null }), 'fail')
  t.equal(releaseMark({ state: 'canary', canaryState: 'hold' }), 'warn')
  t.equal(releaseMark({ state: 'canary', canaryState: 'could_not_measure' }), 'could_not_measure')
  t.equal(releaseMark({ state: 'announced', canaryState: null }), 'not_enough_evidence')
  t.equal(standsAs({ state: 'canary', canaryState: 'running', endedAt: null }), 'Canary, being judged')
  t.equal(standsAs({ state: 'promoted', canaryState: 'pass', endedAt: at }), 'Promoted')
  t.end()
})

t.test('ratios and their intervals, open ones too', (t) => {
  t.same([timesAs(4.21), timesAs(0.2), timesAs(38.4), timesAs(null)], ['4.2×', '0.20×', '38×', '–'])
  t.equal(timesWithin([2.1, 9.4]), '2.1× to 9.4×')
  t.equal(timesWithin([2.1, null]), '2.1× or more')
  t.equal(timesWithin(null), null)
  t.end()
})

const curve = (failLogE: (number | null)[], passLogE: (number | null)[]) => ({
  fromAt: at,
  toAt: at,
  stepMs: 5_000,
  failLogE,
  passLogE
})

t.test('evidence stands until the next batch, is never less than none, and ends at the top', (t) => {
  const evidence = { failLogE: 0, failNeeded: Math.log(1_000), passLogE: 0, passNeeded: Math.log(20) }
  const drawing = drawEvidence({ curve: curve([null, 1, null, 400], [null, -2, null, 1]), evidence })
  t.same(drawing.favour, [null, 0, 0, 1])
  t.same(drawing.against.slice(0, 3), [null, 1, 1])
  t.equal(drawing.against[3], drawing.top)
  t.same(
    drawing.limits.map(({ label }) => label),
    ['enough to fail it', 'enough to promote it']
  )
  t.same(
    drawing.ticks.map(({ label }) => label),
    ['none', '1 in 10', '1 in 100', '1 in 1,000', '1 in 10k']
  )
  t.end()
})

t.test('two thresholds at one height are one line', (t) => {
  const evidence = { failLogE: 0, failNeeded: 3, passLogE: 0, passNeeded: 3 }
  t.same(
    drawEvidence({ curve: curve([], []), evidence }).limits.map(({ label }) => label),
    ['enough to decide, either way']
  )
  t.end()
})

t.test('odds of luck in words', (t) => {
  t.same(
    [odds(-1), odds(0), odds(Math.log(2.5)), odds(Math.log(20)), odds(Math.log(1_000)), odds(100)],
    ['none', 'none', '1 in 2.5', '1 in 20', '1 in 1,000', 'under 1 in a billion']
  )
  t.same([evidenceShare(-1, 3), evidenceShare(1.5, 3), evidenceShare(9, 3)], [0, 0.5, 1])
  t.end()
})

t.test('a release is marked before its first request, and once', (t) => {
  const known = { id: 'r-1', version: '2', environment: 'production', state: 'canary', startedAt: at } as const
  const seen = { kind: 'release', fromAt: at, toAt: null, title: 'release 2', ref: '2' } as const
  t.same(withReleases([seen], [known]), [seen])
  t.match(withReleases([], [known]), [{ ref: '2', title: 'release 2 to production, canary' }])
  t.same([...releasePages([known, { ...known, id: 'r-0' }])], [['2', 'r-1']], 'the newest of one version')
  t.end()
})

t.test('entries stand under their day, in their order', (t) => {
  const days = byDay(
    ['2026-11-22', '2026-11-22', '2026-11-21'],
    (entry) => entry,
    (ms) => String(new Date(ms).getUTCDate())
  )
  t.same(
    days.map(({ day, entries }) => [day, entries.length]),
    [
      ['22', 2],
      ['21', 1]
    ]
  )
  t.end()
})
