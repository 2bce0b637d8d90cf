import t from 'tap'
import {
  bodyMatches,
  compileHostPattern,
  compilePathPattern,
  pathPatternSource,
  statusMatches,
  statusText
} from './match.rules.ts'

const patterns = [
  { pattern: '/api/items', takes: ['/api/items'], leaves: ['/api/items/', '/api/items/1', '/API/items'] },
  { pattern: '/api/*', takes: ['/api/', '/api/a', '/api/a/b'], leaves: ['/api', '/apis/a', '/x/api/a'] },
  { pattern: '/api*', takes: ['/api', '/apis/a'], leaves: ['/ap'] },
  { pattern: '*', takes: ['/', '/a/b', ''], leaves: [] },
  { pattern: '/*', takes: ['/', '/a/b'], leaves: [''] },
  { pattern: '*.css', takes: ['/a/b.css'], leaves: ['/a.css/b'] },
  { pattern: '/api/*/price', takes: ['/api/1/price'], leaves: ['/api//price', '/api/1/2/price', '/api/1/price/x'] },
  { pattern: '/api/*/v*', takes: ['/api/1/v2', '/api/1/v2/x'], leaves: ['/api/1/w', '/api/1'] },
  { pattern: '/a.b/(c)', takes: ['/a.b/(c)'], leaves: ['/axb/(c)'] }
]
t.test('a path pattern takes what it says and nothing else', async (t) => {
  for (const { pattern, takes, leaves } of patterns) {
    t.match(pattern, new RegExp(pathPatternSource, 'u'), `${pattern} may be written`)
    const matches = compilePathPattern(pattern)
    for (const path of takes) t.ok(matches(path), `${pattern} takes ${path}`)
    for (const path of leaves) t.notOk(matches(path), `${pattern} leaves ${path}`)
  }
})

t.test('a path pattern has its star at the start, at the end, or as a whole segment', async (t) => {
  for (const pattern of ['api', '/a*b', '/a/b*/c', '**', '/a?b', '/a b', '', '*.css/*']) {
    t.notMatch(pattern, new RegExp(pathPatternSource, 'u'), `"${pattern}"`)
  }
})

t.test('a host pattern ignores case and port, and a star takes every name below', async (t) => {
  const exact = compileHostPattern('Shop.Example')
  t.ok(exact('shop.example:8443'))
  t.notOk(exact('www.shop.example'))
  const below = compileHostPattern('*.shop.example')
  t.ok(below('a.b.shop.example'))
  t.notOk(below('shop.example'))
  t.notOk(below('workshop.example'))
})

t.test('a status lies in one of its ranges', async (t) => {
  const ranges = [
    { from: 200, to: 299 },
    { from: 304, to: 304 }
  ]
  t.ok(statusMatches(ranges, 299))
  t.ok(statusMatches(ranges, 304))
  t.notOk(statusMatches(ranges, 303))
  t.equal(statusText({ status: ranges }), '200-299 or 304')
})

t.test('a body contains a text or matches an expression', async (t) => {
  t.ok(bodyMatches(null, 'anything'))
  t.ok(bodyMatches({ kind: 'contains', text: 'ok' }, 'it is ok.'))
  t.notOk(bodyMatches({ kind: 'contains', text: 'OK' }, 'it is ok.'))
  t.ok(bodyMatches({ kind: 'matches', pattern: '^a.b$' }, 'a\nb'))
  t.notOk(bodyMatches({ kind: 'matches', pattern: '^a.b$' }, 'a\nbc'))
})
