import t from 'tap'
import { afterAttempt, giveUpAfterMs, parseRetryAfter } from './notify.rules.ts'

const ok = { status: 204, error: null, retryAfterMs: null }
const down = { status: null, error: 'ECONNREFUSED', retryAfterMs: null }
const busy = { status: 503, error: null, retryAfterMs: null }

t.test('any 2xx is delivered', async (t) => {
  t.same(afterAttempt(ok, 1, 0, 0.5), { state: 'delivered' })
})

t.test('a receiver that is down is tried again after twice as long each time, at most 10 minutes', async (t) => {
  const delays = [1, 2, 3, 4, 30, 1_000].map((attempts) => afterAttempt(down, attempts, 0, 1 - Number.EPSILON))
  t.match(
    delays,
    [1_000, 2_000, 4_000, 8_000, 600_000, 600_000].map((delayMs) => ({ state: 'pending', delayMs }))
  )
})

t.test('waits are spread between half and all of that', async (t) => {
  t.match(afterAttempt(busy, 3, 0, 0), { delayMs: 2_000, error: 'HTTP 503' })
})

t.test('Retry-After is kept, but not for longer than our own longest wait', async (t) => {
  t.match(afterAttempt({ ...busy, retryAfterMs: 90_000 }, 1, 0, 0.5), { delayMs: 90_000 })
  t.match(afterAttempt({ ...busy, retryAfterMs: 9e9 }, 1, 0, 0.5), { delayMs: 600_000 })
})

t.test('a message that the receiver refuses is not sent again', async (t) => {
  for (const status of [400, 410, 413, 422])
    t.match(afterAttempt({ ...busy, status }, 1, 0, 0.5), { state: 'failed', error: /refuses/ })
})

t.test('a receiver that is not set up yet may still be', async (t) => {
  for (const status of [301, 401, 403, 404, 408, 429, 500])
    t.match(afterAttempt({ ...busy, status }, 1, 0, 0.5), { state: 'pending' })
})

t.test('after a day it is given up', async (t) => {
  t.match(afterAttempt(down, 50, giveUpAfterMs - 1_000, 0.5), { state: 'failed', error: /a day/ })
})

t.test('Retry-After is seconds or a date', async (t) => {
  const nowMs = Date.UTC(2026, 0, 1)
  t.equal(parseRetryAfter('120', nowMs), 120_000)
  t.equal(parseRetryAfter('Thu, 01 Jan 2026 00:01:00 GMT', nowMs), 60_000)
  t.equal(parseRetryAfter('Wed, 31 Dec 2025 00:00:00 GMT', nowMs), 0)
  t.equal(parseRetryAfter('soon', nowMs), null)
  t.equal(parseRetryAfter(null, nowMs), null)
})
