import t from 'tap'
import {
  ago,
  amount,
  burn,
  bytes,
  count,
  duration,
  errorPercent,
  latency,
  left,
  percent,
  plural,
  rate,
  sentence,
  shortCount,
  tickOf,
  utc,
  windowName,
  withInterval,
  withUnit
} from './format.ts'

/** No-break spaces as plain ones, so that expectations can be read. */
const plain = (text: string): string => text.replaceAll('\u00a0', ' ')

const table = (name: string, cases: readonly (readonly [string, string])[]): void =>
  void t.test(name, (t) => {
    for (const [found, wanted] of cases) t.equal(plain(found), wanted)
    t.end()
  })

table('counts are grouped and shortened only where asked', [
  [count(1_234_567), '1,234,567'],
  [count(-3), '−3'],
  [shortCount(9_999), '9,999'],
  [shortCount(12_440), '12.4k'],
  [shortCount(999_949), '1,000k'],
  [shortCount(3_140_000), '3.1M'],
  [amount(0.416), '0.42'],
  [amount(43.2), '43.2'],
  [amount(4_320.5), '4,321'],
  [amount(7), '7'],
  [plural(1, 'service'), '1 service'],
  [plural(0, 'service'), '0 services'],
  [plural(2, 'promise of it', 'promises of it'), '2 promises of it']
])

table('a slow stream is told by the minute or the hour rather than as zero', [
  [rate(null), '–'],
  [rate(0), '0 /s'],
  [rate(124.4), '124 /s'],
  [rate(12.44), '12.4 /s'],
  [rate(0.5), '0.50 /s'],
  [rate(0.05), '3.00 /min'],
  [rate(1 / 3_600), '1.00 /h'],
  [rate(48_000), '48.0k /s']
])

table('shares keep the digits that matter', [
  [percent(0.9993), '99.93 %'],
  [percent(0.95), '95 %'],
  [percent(0.99999), '99.999 %'],
  [percent(0.5, 1), '50.0 %'],
  [percent(null), '–'],
  [errorPercent(0), '0 %'],
  [errorPercent(0.0002), '0.020 %'],
  [errorPercent(0.012), '1.20 %'],
  [errorPercent(0.5), '50.0 %'],
  [errorPercent(0.000001), 'under 0.001 %']
])

table('a budget left is signed, with one decimal and never minus zero', [
  [left(0.6241), '62.4 %'],
  [left(-0.34), '−34.0 %'],
  [left(-0.0001), '0.0 %'],
  [left(-12.5), '−1,250 %'],
  [left(null), '–'],
  [burn(14.4), '14.4×'],
  [burn(0.031), '0.03×'],
  [burn(1_000), '1,000×'],
  [burn(null), '–']
])

table('latencies and spans use the unit a person would', [
  [latency(0.84), '0.84 ms'],
  [latency(142.3), '142 ms'],
  [latency(1_240), '1.24 s'],
  [latency(12_400), '12.4 s'],
  [latency(125_000), '2 min 5 s'],
  [latency(null), '–'],
  [duration(0), '0 s'],
  [duration(34_000), '34 s'],
  [duration(200_000), '3 min 20 s'],
  [duration(3_600_000), '1 h'],
  [duration(187_200_000), '2 d 4 h'],
  [duration(-5), '0 s'],
  [windowName(300_000), '5m'],
  [windowName(86_400_000), '1d'],
  [windowName(2_592_000_000), '30d'],
  [windowName(5_400_000), '90m'],
  [windowName(10_000), '10s'],
  [bytes(0), '0 B'],
  [bytes(912), '912 B'],
  [bytes(1_234), '1.2 kB'],
  [bytes(3_400_000_000), '3.4 GB']
])

table('moments are given in UTC and relative to now', [
  [utc(Date.UTC(2026, 10, 22, 21, 9, 4)), '2026-11-22 21:09:04 UTC'],
  [ago(1_000, 35_000), '34 s ago'],
  [ago(35_000, 1_000), 'in 34 s'],
  [ago(1_000, 1_400), 'now']
])

table('words of the API become sentences', [
  [sentence('availability: 0 of 129 requests failed'), 'Availability: 0 of 129 requests failed.'],
  [sentence('Every objective holds.'), 'Every objective holds.'],
  [sentence('p95 is slow'), 'p95 is slow.'],
  [sentence(' '), '']
])

table('labels of axes are as short as they can be', [
  [tickOf(rate)(0), '0'],
  [tickOf(rate)(30), '30 /s'],
  [tickOf(rate)(2.5), '2.5 /s'],
  [tickOf(latency)(250), '250 ms'],
  [tickOf(latency)(1_500), '1.5 s'],
  [tickOf(burn)(14.4), '14.4×'],
  [tickOf(burn)(6), '6×'],
  [tickOf(errorPercent)(0.1), '10 %']
])

table('numbers of reasons follow their unit', [
  [withUnit(0.999, 'ratio'), '99.9 %'],
  [withUnit(200, 'ms'), '200 ms'],
  [withUnit(14.4, '×'), '14.4×'],
  [withUnit(42, undefined), '42'],
  [withUnit(17_512, 'bad events'), '17,512 bad events'],
  [withUnit(0.0566, 'ratio'), '5.66 %'],
  [withUnit(-0.34, 'ratio'), '−34 %'],
  [withInterval(0.0566, [0.05091, 0.06276], 'ratio'), '5.66 %, between 5.09 % and 6.28 %'],
  [withInterval(56.6, [50.9, 62.76], 'times too fast'), '56.6, between 50.9 and 62.8 times too fast'],
  [withInterval(3, undefined, undefined), '3']
])
