import t from 'tap'
import { retryDelayMs } from '../retry.ts'
import { eventParser } from './event-stream.ts'
import { Listeners } from './listeners.ts'

const STREAM =
  '\uFEFF: hello\n\nevent: state\nid: 7\ndata: {"a":1}\n\ndata: one\ndata: two\r\n\r\nevent: lonely\n\nid: 8\ndata\n\n'
const EVENTS = [
  { type: 'state', data: '{"a":1}', id: '7' },
  { type: 'message', data: 'one\ntwo', id: '7' },
  { type: 'message', data: '', id: '8' }
]

t.test('events, ids, joined lines and heartbeats are read as the standard says', (t) => {
  t.same(eventParser()(STREAM), EVENTS)
  t.end()
})

t.test('it does not matter where the text is cut', (t) => {
  for (let size = 1; size < 12; size++) {
    const parse = eventParser()
    const events = []
    for (let at = 0; at < STREAM.length; at += size) events.push(...parse(STREAM.slice(at, at + size)))
    t.same(events, EVENTS, `pieces of ${size}`)
  }
  t.end()
})

t.test('an id with a null is ignored, and half an event is never delivered', (t) => {
  const parse = eventParser()
  t.same(parse('id: a\0b\ndata: x\n\ndata: half'), [{ type: 'message', data: 'x', id: '' }])
  t.end()
})

t.test('waiting grows to half a minute and is never under half of its step', (t) => {
  t.same(
    [1, 2, 3, 4, 5, 6, 60].map((attempt) => retryDelayMs(attempt, 0)),
    [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]
  )
  t.equal(retryDelayMs(1, 0.999), 1_000)
  t.equal(retryDelayMs(60, 0.999), 29_985)
  t.end()
})

t.test('listeners hear their event until they leave, and text nobody waits for is not parsed', (t) => {
  const listeners = new Listeners<{ state: { n: number }; alert: string }>()
  const heard: unknown[] = []
  const stop = listeners.on('state', (data) => heard.push(data.n))
  listeners.on('state', (data) => heard.push(-data.n))
  listeners.tell('state', '{"n":1}')
  stop()
  listeners.tell('state', '{"n":2}')
  listeners.tell('alert', 'no JSON at all')
  listeners.tell('unheard of', 'no JSON at all')
  t.same(heard, [1, -1, -2])
  t.end()
})
