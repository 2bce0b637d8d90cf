import t from 'tap'
import { ManualClock } from '../platform/clock.ts'
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
    oldestKeptMs: () => 0,
    readCursor: (source: string) => Promise.resolve(state.cursors.get(source) ?? null),
    commit: async (batch: Batch): Promise<CommitOutcome> => {
      await null
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
    thresholdsOf: () => [200],
    onError: (error) => errors.push(error)
  })
  const record = (count = 1, status = 200): unknown =>
    recorder.record(stream, { atMs: clock.nowMs(), status, durationUs: 1_000, count })
  return { clock, store, recorder, errors, record }
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

t.test('a change of thresholds loses nothing', async (t) => {
  const { store, recorder, record } = bench()
  record(2)
  recorder.refresh()
  record(3)
  await recorder.close()
  t.equal(store.state.total, 5)
})

t.test('memory stays bounded while the store fails for long, and what is lost is counted', async (t) => {
  const { clock, store, recorder, record } = bench()
  store.state.fail = 'before'
  record()
  await recorder.flush()
  let lost = 0
  for (let n = 0; n < 50_010; n++) {
    clock.advance(1)
    const at = clock.nowMs() + (n % 2 === 0 ? -n * 1_000 : 0)
    const own = { ...stream, route: `/${n % 500}` }
    if (recorder.record(own, { atMs: at, status: 200, durationUs: 1 }) === 'dropped') lost++
  }
  t.equal(recorder.dropped, lost)
  store.state.fail = null
  await recorder.close()
  t.equal(store.state.total + lost, 50_011)
})
