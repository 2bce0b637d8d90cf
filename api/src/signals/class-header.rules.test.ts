import { createHmac } from 'node:crypto'
import t from 'tap'
import { classAt, readClassClaim, signClassClaim } from './class-header.rules.ts'

const key = 'a key of at least sixteen'
const expiresS = 1_795_381_551

t.test('a signed claim is read by whoever knows the key', async (t) => {
  const header = signClassClaim({ trafficClass: 'load', expiresS }, key)
  const signature = createHmac('sha256', key).update(`plimsoll-class:load:${expiresS}`).digest('base64url')
  t.equal(header, `load.${expiresS}.${signature}`, 'as others may build it')
  t.same(readClassClaim(header, [key]), { trafficClass: 'load', expiresS })
  t.same(
    readClassClaim(header, ['new key', key]),
    { trafficClass: 'load', expiresS },
    'two keys while one replaces the other'
  )
  t.equal(readClassClaim(header, ['another key']), null)
  t.equal(readClassClaim(header, []), null)
})

t.test('anything else is no claim', async (t) => {
  const header = signClassClaim({ trafficClass: 'load', expiresS }, key)
  const forged = [
    '',
    'load',
    header.replace('load', 'synthetic'),
    header.replace('load', 'admin'),
    header.replace(String(expiresS), String(expiresS + 1)),
    header.slice(0, -1),
    `${header}A`,
    ` ${header}`,
    `load.${expiresS}.`,
    `load.${expiresS}.${'A'.repeat(43)}`,
    `load.9999999999999.${'A'.repeat(43)}`
  ]
  for (const text of forged) t.equal(readClassClaim(text, [key]), null, text)
})

t.test('a claim holds through its last second, by the time of the request', async (t) => {
  const claim = { trafficClass: 'synthetic', expiresS } as const
  t.equal(classAt(claim, expiresS * 1_000 + 999), 'synthetic')
  t.equal(classAt(claim, expiresS * 1_000 + 1_000), 'user')
  t.equal(classAt(null, 0), 'user')
})
