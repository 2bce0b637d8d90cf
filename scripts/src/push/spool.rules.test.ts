import t from 'tap'
import type { LoadRun } from '../../../api/src/contract/load.ts'
import { fileNameOf, nextStepOf, readParcel, type Answer, type Parcel } from './spool.rules.ts'

const aParcel = (change: Partial<LoadRun> = {}, server = 'http://127.0.0.1:3000'): Parcel => ({
  server,
  service: 'shop',
  kind: 'run',
  document: { id: 'r-1', startedAt: '2026-11-23T02:00:00.000Z', ...change } as LoadRun
})

t.test('only what a Plimsoll confirmed is forgotten', async (t) => {
  const status = (code: number): Answer => ({ kind: 'status', status: code, text: '' })
  const cases = [
    { name: 'confirmed', answer: { kind: 'stored' } as const, next: 'forget' },
    { name: 'nothing answers', answer: { kind: 'unreachable', text: '' } as const, next: 'stop' },
    { name: 'no token', answer: status(401), next: 'stop' },
    { name: 'a weak token', answer: status(403), next: 'stop' },
    { name: 'not in the plan yet', answer: status(404), next: 'keep' },
    { name: 'too many writes', answer: status(429), next: 'stop' },
    { name: 'not understood', answer: status(400), next: 'set-aside' },
    { name: 'too large', answer: status(413), next: 'set-aside' },
    { name: 'overloaded', answer: status(503), next: 'stop' }
  ]
  for (const { name, answer, next } of cases) t.equal(nextStepOf(answer), next, name)
})

t.test('a document has one file for each server, in the order of measuring', async (t) => {
  t.equal(fileNameOf(aParcel()), fileNameOf(aParcel({ state: 'pass' })), 'the same id is the same file')
  t.not(fileNameOf(aParcel()), fileNameOf(aParcel({}, 'http://127.0.0.1:4000')))
  t.ok(fileNameOf(aParcel()) < fileNameOf(aParcel({ id: 'a', startedAt: '2026-11-23T10:00:00.000Z' })))
  t.match(fileNameOf(aParcel()), /^20261123T020000000Z-[0-9a-f]{8}-r-1\.json$/)
})

t.test('a file that is no parcel is told from one', async (t) => {
  t.same(readParcel(JSON.stringify(aParcel())), aParcel())
  for (const text of [
    '',
    '{',
    'null',
    '[]',
    '{"kind":"run"}',
    '{"kind":"x","server":"s","service":"s","document":{"id":"1"}}'
  ]) {
    t.equal(readParcel(text), null, text)
  }
})
