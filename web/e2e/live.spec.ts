import { expect, expectAccessible, test } from './support/test.ts'

test('a lost connection is said at once, with the age of what is shown, and mended by itself', async ({
  page,
  serve,
  allowConsole
}) => {
  allowConsole(/Failed to load resource|ERR_/)
  const server = await serve()
  await page.goto('/')
  await expect(page.getByText('Live', { exact: true })).toBeVisible()
  server.cutLive(true)
  await expect(page.getByText(/Reconnecting since \d\d:\d\d:\d\d/)).toBeVisible()
  await expect(page.getByText(/data \d+.s old/)).toBeVisible()
  await expectAccessible(page)
  server.cutLive(false)
  await page.getByRole('button', { name: 'Retry now' }).click()
  await expect(page.getByText('Live', { exact: true })).toBeVisible()
})

test('a connection that comes back tells where it was, so that nothing is missed', async ({
  page,
  serve,
  allowConsole
}) => {
  allowConsole(/Failed to load resource|ERR_/)
  const server = await serve()
  await page.goto('/')
  await expect(page.getByText('Live', { exact: true })).toBeVisible()
  await page.waitForTimeout(1_200)
  const again = page.waitForRequest(
    (request) => request.url().endsWith('/api/v1/live') && request.headers()['last-event-id'] !== undefined
  )
  server.cutLive()
  expect((await again).headers()['last-event-id']).toMatch(/^\d+$/)
  await expect(page.getByText('Live', { exact: true })).toBeVisible()
})

test('a stream that lost its thread makes everything be read again', async ({ page, serve }) => {
  const server = await serve()
  await page.goto('/services/checkout')
  await expect(page.getByRole('slider', { name: /^Traffic/ })).toBeVisible()
  const read = ['/api/v1/services/checkout', '/objectives', '/traffic', '/marks'].map((path) =>
    page.waitForRequest((request) => new URL(request.url()).pathname.endsWith(path))
  )
  server.send('reset', { reason: 'test' })
  await Promise.all(read)
})

test('a new alert shows in the bar and in the list without loading', async ({ page, serve }) => {
  const server = await serve()
  await page.goto('/alerts')
  const entry = page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: /Alerts/ })
  await expect(entry).toContainText('3')
  const lists = page.waitForRequest((request) => request.url().includes('state=resolved'))
  server.send('alert', {
    id: 'a-9',
    service: 'catalog',
    state: 'open',
    severity: 'page',
    title: 'Availability burns 30 times too fast'
  })
  await lists
})

test('a page whose scripts cannot be loaded says so and loads itself again', async ({ page, serve, allowConsole }) => {
  allowConsole(/Failed to (load|fetch)|ERR_FAILED/)
  await serve()
  await page.route('**/entry/app.*.js', (route) => route.abort(), { times: 2 })
  await page.goto('/')
  await expect(page.getByRole('alert')).toContainText('Loading it again in 3 seconds')
  await expect(page.getByRole('article').first()).toBeVisible({ timeout: 10_000 })
})
