import type { Page } from '@playwright/test'
import { expect, expectAccessible, test } from './support/test.ts'

const chart = (page: Page, name: string) => page.getByRole('slider', { name: new RegExp(`^${name}`) })
const values = (page: Page, name: string) =>
  page.locator('figure', { has: page.getByRole('heading', { name, exact: true }) }).locator('dl')

test('the service says what holds, how fast budgets burn, and who tells', async ({ page, serve }) => {
  await serve()
  await page.goto('/services/checkout')
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Checkout')
  const availability = page.getByRole('article', { name: 'Availability' })
  await expect(availability).toContainText('−34.0')
  await expect(availability.getByRole('row', { name: /^1h/ })).toContainText('fires')
  await expect(availability.getByRole('row', { name: /^1h/ })).toContainText('at 14.4×')
  await expect(page.getByText('Availability over its window, 30d')).toBeVisible()
  await expect(page.getByRole('list', { name: 'Releases' })).toContainText('Release 2026.11.3')
  await expect(page.getByRole('row', { name: /POST \/api\/checkout/ })).toBeVisible()
  await expect(page.getByText('/var/log/caddy/checkout.ndjson')).toBeVisible()
  await expect(page.getByText('Skipped: not json')).toBeVisible()
})

test('a broken source says what is wrong and what to do', async ({ page, serve }) => {
  await serve()
  await page.goto('/services/payments-webhook')
  await expect(page.getByText('ENOENT: no such file')).toBeVisible()
  await expect(page.getByText('Check the path in the plan')).toBeVisible()
  await expect(page.getByText('What is drawn is silence, not success.')).toBeVisible()
  await expect(page.getByText('No latencies in this range.')).toBeVisible()
})

test('the range lives in the address; going back undoes a zoom', async ({ page, serve }) => {
  await serve()
  await page.goto('/services/checkout')
  await page.getByRole('navigation', { name: 'Time range' }).getByRole('link', { name: '6h' }).click()
  await expect(page).toHaveURL(/\?range=6h$/)
  const traffic = chart(page, 'Traffic')
  await expect(traffic).toBeVisible()
  const box = await traffic.boundingBox()
  if (!box) throw new Error('the chart has no box')
  await page.mouse.move(box.x + box.width * 0.25, box.y + 40)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width * 0.5, box.y + 40, { steps: 4 })
  await page.mouse.up()
  await expect(page).toHaveURL(/\?from=.*&to=/)
  const params = new URL(page.url()).searchParams
  const hours = (Date.parse(params.get('to') ?? '') - Date.parse(params.get('from') ?? '')) / 3_600_000
  expect(hours).toBeCloseTo(1.5, 1)
  await page.goBack()
  await expect(page).toHaveURL(/\?range=6h$/)
})

test('a range of one’s own is entered, and one that makes none is not accepted', async ({ page, serve }) => {
  await serve()
  await page.goto('/services/checkout')
  await page.getByRole('button', { name: 'Custom' }).click()
  await page.getByLabel('From').fill('2026-11-20T10:00')
  await page.getByLabel('To').fill('2026-11-20T09:00')
  await expect(page.getByRole('button', { name: 'Show' })).toBeDisabled()
  await page.getByLabel('To').fill('2026-11-20T12:00')
  await page.getByRole('button', { name: 'Show' }).click()
  await expect(page).toHaveURL(/from=2026-11-20T10:00:00.000Z&to=2026-11-20T12:00:00.000Z/)
})

test('pointing at one chart reads the same moment on all', async ({ page, serve }) => {
  await serve()
  await page.goto('/services/checkout')
  await chart(page, 'Latency of every').scrollIntoViewIfNeeded()
  const traffic = chart(page, 'Traffic')
  await expect(values(page, 'Traffic')).toContainText('requests')
  await traffic.hover({ position: { x: 500, y: 60 } })
  const spoken = (await traffic.getAttribute('aria-valuetext')) ?? ''
  expect(spoken).toMatch(/^\d+ \w+ \d\d:\d\d:\d\d: requests \d/)
  const moment = spoken.slice(0, spoken.indexOf(': requests'))
  for (const name of ['Errors', 'Latency:', 'Latency of every', 'Burn rate']) {
    await expect(chart(page, name)).toHaveAttribute('aria-valuetext', new RegExp(`^${moment}: `))
  }
  await expect(values(page, 'Latency')).toContainText(/p50\s*\d+/)
})

test('charts are read and zoomed by keyboard alone', async ({ page, serve }) => {
  await serve()
  await page.goto('/services/checkout')
  const latency = chart(page, 'Latency:')
  await latency.focus()
  await page.keyboard.press('End')
  const last = Number(await latency.getAttribute('aria-valuemax'))
  await expect(latency).toHaveAttribute('aria-valuenow', String(last))
  await page.keyboard.press('ArrowLeft')
  await page.keyboard.press('Shift+ArrowLeft')
  await expect(latency).toHaveAttribute('aria-valuenow', String(last - 11))
  await expect(latency).toHaveAttribute('aria-valuetext', /p95 \d/)
  await page.keyboard.press('+')
  await expect(page).toHaveURL(/from=/)
  await page.keyboard.press('Escape')
  await expect(latency).toHaveAttribute('aria-valuetext', 'no moment chosen')
})

test('a route, a class and a release narrow the charts, in the address', async ({ page, serve }) => {
  await serve()
  await page.goto('/services/checkout')
  const asked = page.waitForRequest(
    (request) => request.url().includes('/traffic') && request.url().includes('route=POST')
  )
  await page.getByRole('link', { name: 'POST /api/checkout/*' }).click()
  await asked
  await expect(page).toHaveURL(/route=POST/)
  await page.getByLabel('Traffic of').selectOption('Probes')
  await expect(page).toHaveURL(/class=synthetic/)
  await page.getByRole('combobox', { name: /^Release/ }).selectOption('2026.11.2')
  await expect(page).toHaveURL(/release=2026.11.2/)
  await page.getByRole('link', { name: /remove this filter/ }).click()
  await expect(page).not.toHaveURL(/route=/)
})

test('another objective brings its own window', async ({ page, serve }) => {
  await serve()
  await page.goto('/services/shop-api')
  await page.getByRole('link', { name: '/api/checkout/* under 300 ms' }).click()
  await expect(page).toHaveURL(/objective=checkout-latency/)
  await expect(page.getByRole('heading', { name: '/api/checkout/* under 300 ms over its window, 30d' })).toBeVisible()
})

test('one panel’s failure is its own', async ({ page, serve, allowConsole }) => {
  allowConsole(/Failed to load resource/)
  await serve()
  const broken = '**/api/v1/services/checkout/heatmap*'
  await page.route(broken, (route) =>
    route.fulfill({ status: 502, contentType: 'text/html', body: '<h1>Bad gateway</h1>' })
  )
  await page.goto('/services/checkout')
  await expect(page.getByText('The server answered 502 Bad Gateway')).toBeVisible()
  await expect(chart(page, 'Traffic')).toBeVisible()
  await expect(page.getByText('/var/log/caddy/checkout.ndjson')).toBeVisible()
  await page.unroute(broken)
  await page.getByRole('button', { name: 'Try again' }).click()
  await expect(chart(page, 'Latency of every')).toBeVisible()
})

test('an answer that makes no sense breaks one panel, not the page', async ({ page, serve, allowConsole }) => {
  allowConsole(/./)
  await serve()
  await page.route('**/api/v1/services/checkout/routes*', (route) => route.fulfill({ json: { routes: 'what?' } }))
  await page.goto('/services/checkout')
  await expect(page.getByText('Routes could not be drawn')).toBeVisible()
  await expect(chart(page, 'Traffic')).toBeVisible()
})

test('a service that does not exist, and a page that does not, are told apart from failures', async ({
  page,
  serve,
  allowConsole
}) => {
  allowConsole(/Failed to load resource/)
  await serve()
  await page.goto('/services/nobody')
  await expect(page.getByRole('heading', { name: 'This is not on the chart' })).toBeVisible()
  await expect(page.getByText('There is no service “nobody”.')).toBeVisible()
  await page.goto('/nowhere/at/all')
  await expect(page.getByText('There is no page at /nowhere/at/all.')).toBeVisible()
  await expectAccessible(page)
  await page.getByRole('link', { name: 'Go to the overview' }).click()
  await expect(page.getByRole('article').first()).toBeVisible()
})

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(`in ${colorScheme}`, () => {
    test.use({ colorScheme })
    test('the service page and its dialog are accessible', async ({ page, serve }) => {
      await serve()
      await page.goto('/services/checkout')
      await expect(chart(page, 'Burn rate')).toBeVisible()
      await expectAccessible(page)
      await page.getByRole('article', { name: 'Availability' }).getByRole('link', { name: /−34.0/ }).click()
      await expect(page.getByRole('dialog')).toContainText('Formula')
      await expectAccessible(page)
    })
  })
}

test('on paper there are the numbers and the charts, without what only a screen can do', async ({ page, serve }) => {
  await serve()
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.goto('/services/checkout')
  await expect(chart(page, 'Burn rate')).toBeVisible()
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
  await expect(page.getByRole('navigation', { name: 'Time range' })).toBeHidden()
  await expect(page.getByRole('banner')).toBeHidden()
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
  const paper = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
  expect(paper).toBe('rgb(255, 255, 255)')
  const pdf = await page.pdf({ format: 'A4' })
  expect(pdf.length).toBeGreaterThan(20_000)
})
