import fc from 'fast-check'
import t from 'tap'
import { canCollapse, decodePath, earnsRoute, otherRoute, templateOf } from './route-group.rules.ts'
import { RouteGroups } from './route-groups.ts'

t.test('paths that differ in what they name, not in what they do, are one route', async (t) => {
  const cases: [string, string][] = [
    ['/', '/'],
    ['/api/items', '/api/items'],
    ['/api/items/', '/api/items'],
    ['/api/items/4711', '/api/items/*'],
    ['/api/items/4711/reviews', '/api/items/*/reviews'],
    ['/users/1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed', '/users/*'],
    ['/users/01ARZ3NDEKTSV4RRFFQ69G5FAV', '/users/*'],
    ['/commit/3f2a91bc', '/commit/*'],
    ['/commit/deadbeef', '/commit/deadbeef'],
    ['/days/2026-11-22', '/days/*'],
    ['/v1/oauth2/token', '/v1/oauth2/token'],
    ['/users/ada@example.org', '/users/*'],
    ['/search/winter coat', '/search/*'],
    ['/t/café', '/t/*'],
    ['/assets/app.3f2a91bc.js', '/assets/*.js'],
    ['/logo.SVG', '/*.svg'],
    ['/index.php', '/index.php'],
    ['/a/b/c/d/e', '/a/b/c/d/e'],
    ['/a/b/c/d/e/f/g.js', '/a/b/c/d/e/*'],
    ['/a//b', '/a//b'],
    ['//', '/'],
    [`/${'x'.repeat(41)}`, '/*'],
    [`/${'abcdefgh/'.repeat(4)}${'y'.repeat(40)}`, `/${'abcdefgh/'.repeat(4)}${'y'.repeat(40)}`],
    ['*', otherRoute],
    ['shop.example:443', otherRoute],
    ['', otherRoute]
  ]
  for (const [path, route] of cases) t.equal(templateOf(path), route, path)
})

t.test('whatever is asked for, a route is short and made of plain characters', async () => {
  const path = fc.array(fc.oneof(fc.string(), fc.webPath(), fc.uuid())).map((parts) => `/${parts.join('/')}`)
  fc.assert(
    fc.property(path, (text) => {
      const route = templateOf(text)
      return (
        route.length <= 120 && /^(other|[\x21-\x7e]+)$/.test(route) && templateOf(route.replaceAll('*', '1234')) !== ''
      )
    })
  )
})

t.test('percent-encoding is undone, and left alone where it is broken', async (t) => {
  t.equal(decodePath('/%61pi/caf%C3%A9'), '/api/café')
  t.equal(decodePath('/100%'), '/100%')
  t.equal(decodePath('/%ff'), '/%ff')
  t.equal(decodePath('/plain'), '/plain')
})

t.test('only replies of something that exists open a group', async (t) => {
  for (const status of [200, 304, 500, 503]) t.ok(earnsRoute(status), String(status))
  for (const status of [0, 400, 404, 429]) t.notOk(earnsRoute(status), String(status))
})

t.test('declared groups are free, automatic ones are as many as the cap', async (t) => {
  const routes = new RouteGroups({ groups: ['/d/*', '/e'], cap: 2, known: ['/k', '/d/*', otherRoute] })
  t.equal(routes.of('/d/anything', false), '/d/*')
  t.equal(routes.of('/a', false), otherRoute, 'not yet earned')
  t.equal(routes.of('/a', true), '/a')
  t.equal(routes.of('/a', false), '/a', 'earned once is enough')
  t.equal(routes.of('/b', true), otherRoute, 'the known one and /a fill the cap')
  t.equal(routes.of('/k', false), '/k')
})

t.test('numbers and hashes in paths are told apart only where a pattern looks into them', async (t) => {
  for (const pattern of ['/', '/api/*', '/api/items/*/price', '/v1/items', '/cafe/*', '*.css', '/items/x7*', '/1-2']) {
    t.ok(canCollapse([pattern]), pattern)
  }
  for (const pattern of [
    '/items/7',
    '/items/7*',
    '/items/a7*',
    '/items/be*',
    '*7',
    '*ef/x',
    '/12ab34cd',
    '/2026-11-22/*'
  ]) {
    t.notOk(canCollapse(['/', pattern]), pattern)
  }
})
