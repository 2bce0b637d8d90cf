import t from 'tap'
import { ManualClock } from '../platform/clock.ts'
import { Accumulator } from './accumulator.ts'
import { Recorder } from './recorder.ts'
import type { Batch, CommitOutcome, Stream } from './slice.ts'

const stream: Stream = { service: 'shop', release: '', trafficClass: 'user', route: '/', scope: '', origin: 'requests' }

/** A store that keeps totals by cursor rules, and fails when told. */
const aStore = () => {
  const state = {
    cursors: new Map<string, string>(),
    total: 0,
    fail: null as null | 'before' | 'after',
    batches: [] as Batch[]
  }
  return {
    state,
    readCursor: (source: string) => Promise.resolve(state.cursors.get(source) ?? null),
    commit: async (batch: Batch): Promise<CommitOutcome> => {
      await Promise.resolve()
      if (state.fail === 'before') throw new Error('disk full')
      const { source, expected, position } = batch.cursor!
      const found = state.cursors.get(source) ?? null
      if (found !== expected)
        return found === position ? { kind: 'already_committed' } : { kind: 'superseded', position: found }
      state.batches.push(batch)
      state.cursors.set(source, position)
      for (const { counts } of batch.deltas) state.total += counts.total + counts.aborted
      if (state.fail === 'after') throw new Error('connection lost')
      return { kind: 'committed' }
    }
  }
}

const bench = (store = aStore(), writer = 'self@a') => {
  const clock = new ManualClock()
  const errors: unknown[] = []
  const recorder = new Recorder({
    store,
    clock,
    writer,
    flushIntervalMs: 1_000,
    onError: (error) => errors.push(error)
  })
  const accumulator = new Accumulator({ thresholdsMs: [200] })
  const giveUp = recorder.adopt(accumulator)
  const record = (count = 1, status = 200, route = '/'): void => {
    accumulator.setTime(clock.nowMs())
    accumulator.record(accumulator.stream({ ...stream, route }), clock.nowMs(), 1_000, status, false, count)
  }
  return { clock, store, recorder, errors, record, giveUp }
}

t.test('what was recorded is stored every second and at the end', async (t) => {
  const { clock, store, recorder, record } = bench()
  record()
  record(3, 0)
  await clock.advanceAsync(1_000)
  await recorder.flush()
  t.equal(store.state.total, 4)
  record(2)
  await recorder.close()
  t.equal(store.state.total, 6)
  record()
  await clock.advanceAsync(5_000)
  t.equal(store.state.total, 6, 'nothing is written after the end')
})

t.test('an idle recorder writes nothing', async (t) => {
  const { store, recorder } = bench()
  await recorder.flush()
  t.same(store.state.batches, [])
  await recorder.close()
})

t.test('counts are kept while the store fails, and written once when it is back', async (t) => {
  for (const fail of ['before', 'after'] as const) {
    const { store, recorder, record, errors } = bench()
    record(5)
    store.state.fail = fail
    await recorder.flush()
    record(7)
    await recorder.flush()
    store.state.fail = null
    record(1)
    await recorder.flush()
    t.equal(store.state.total, 13, `failing ${fail} it was stored`)
    t.ok(errors.length > 0)
    await recorder.close()
  }
})

t.test('a restart goes on where the last process ended', async (t) => {
  const store = aStore()
  const first = bench(store)
  first.record()
  await first.recorder.close()
  const second = bench(store)
  second.record()
  await second.recorder.close()
  t.equal(store.state.total, 2)
  t.equal(store.state.cursors.size, 1)
})

t.test('two processes of one instance count both, each under its own name', async (t) => {
  const store = aStore()
  const one = bench(store)
  const two = bench(store)
  for (let n = 0; n < 3; n++) {
    one.record()
    two.record()
    await Promise.all([one.recorder.flush(), two.recorder.flush()])
  }
  await Promise.all([one.recorder.close(), two.recorder.close()])
  t.equal(store.state.total, 6)
  t.equal(store.state.cursors.size, 2)
})

t.test('what an accumulator holds is stored when it is given up', async (t) => {
  const { store, recorder, record, giveUp } = bench()
  record(2)
  giveUp()
  record(3)
  await recorder.close()
  t.equal(store.state.total, 2)
})

t.test('memory stays bounded while the store fails for long', async (t) => {
  const { store, recorder, record, clock } = bench()
  store.state.fail = 'before'
  record()
  t.notOk(recorder.isFull)
  await recorder.flush()
  let counted = 1
  for (; !recorder.isFull && counted < 60_000; counted++) {
    clock.advance(10)
    record(1, 200, `/${counted % 500}`)
  }
  t.equal(counted, 50_000)
  store.state.fail = null
  await recorder.flush()
  t.notOk(recorder.isFull)
  t.equal(store.state.total, 50_000)
  await recorder.close()
})
