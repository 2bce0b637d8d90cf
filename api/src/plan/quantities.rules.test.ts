import fc from 'fast-check'
import t from 'tap'
import {
  complement,
  isDate,
  isTimeZone,
  readDuration,
  readInstant,
  readPercent,
  writeDuration,
  writeInstant,
  writePercent
} from './quantities.rules.ts'

const durations = [
  { text: '200ms', ms: 200 },
  { text: '10s', ms: 10_000 },
  { text: '5m', ms: 300_000 },
  { text: '1h30m', ms: 5_400_000 },
  { text: '1m200ms', ms: 60_200 },
  { text: '30d', ms: 2_592_000_000 },
  { text: '4w', ms: 2_419_200_000 },
  { text: '0s', ms: 0 },
  { text: '', ms: null },
  { text: '10', ms: null },
  { text: 'm', ms: null },
  { text: '10 s', ms: null },
  { text: '1.5h', ms: null },
  { text: '30s5m', ms: null },
  { text: '-5s', ms: null },
  { text: '5M', ms: null },
  { text: '99999999999999999d', ms: null }
]
t.test('a duration is whole numbers with units, largest first', async (t) => {
  for (const { text, ms } of durations) t.equal(readDuration(text), ms, `"${text}"`)
})

t.test('a duration is written in the largest unit that is exact', async (t) => {
  t.equal(writeDuration(5_400_000), '90m')
  t.equal(writeDuration(2_592_000_000), '30d')
  t.equal(writeDuration(1_001), '1001ms')
  t.equal(writeDuration(0), '0ms')
})

const percents = [
  { text: '99.9%', ratio: 0.999 },
  { text: '99.99 %', ratio: 0.9999 },
  { text: '0.1%', ratio: 0.001 },
  { text: '100%', ratio: 1 },
  { text: '7%', ratio: 0.07 },
  { text: '99.9', ratio: null },
  { text: '0.999', ratio: null },
  { text: '%', ratio: null },
  { text: '1e1%', ratio: null },
  { text: '-1%', ratio: null }
]
t.test('a percentage becomes exactly the ratio that it names', async (t) => {
  for (const { text, ratio } of percents) t.equal(readPercent(text), ratio, `"${text}"`)
})

t.test('the complement of a percentage has no dust of binary fractions', async (t) => {
  t.equal(complement(0.001), 0.999)
  t.equal(complement(0.9), 0.1)
  t.equal(complement(0.05), 0.95)
})

const instants = [
  { text: '2026-12-01T02:00Z', ms: Date.UTC(2026, 11, 1, 2) },
  { text: '2026-12-01T02:00:30.5+01:00', ms: Date.UTC(2026, 11, 1, 1, 0, 30, 500) },
  { text: '2026-12-01 02:00Z', ms: Date.UTC(2026, 11, 1, 2) },
  { text: '2026-02-30T02:00Z', ms: null },
  { text: '2026-12-01T25:00Z', ms: null },
  { text: '2026-12-01T02:00', ms: null },
  { text: '2026-12-01', ms: null },
  { text: 'tomorrow', ms: null }
]
t.test('a time is RFC 3339 with an offset, and exists', async (t) => {
  for (const { text, ms } of instants) t.equal(readInstant(text), ms, `"${text}"`)
})

t.test('days and time zones exist', async (t) => {
  t.ok(isDate('2028-02-29'))
  t.notOk(isDate('2026-02-29'))
  t.notOk(isDate('2026-2-9'))
  t.ok(isTimeZone('Europe/Berlin'))
  t.ok(isTimeZone('UTC'))
  t.notOk(isTimeZone('Europe/Berln'))
  t.notOk(isTimeZone('+02:00'))
})

t.test('whatever is written reads back as the same value', async () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 400 * 86_400_000 }), (ms) => readDuration(writeDuration(ms)) === ms))
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 100 * 10 ** 9 }), (billionths) => {
      const ratio = readPercent(`${(billionths / 1e9).toFixed(9)}%`)
      return ratio !== null && readPercent(writePercent(ratio)) === ratio
    })
  )
  fc.assert(fc.property(fc.integer({ min: 0, max: 4e12 }), (ms) => readInstant(writeInstant(ms)) === ms))
})
