import { expect, expectAccessible, test } from './support/test.ts'

test('open alerts come by urgency, past ones below, and each leads to its numbers', async ({ page, serve }) => {
  await serve()
  await page.goto('/alerts')
  await expect(page.getByRole('article').getByRole('heading')).toHaveText([
    'Availability burns 21 times too fast',
    'p95 under 200 ms burns 3.4 times too fast',
    'Nothing heard of payments-webhook for 41 minutes',
    'Availability burns 7 times too fast'
  ])
  await expect(page.getByText('Nobody was told: maintenance: certificate renewal')).toBeVisible()
  await expect(page.getByText('Not delivered to webhook on-call').first()).toBeVisible()
  await expectAccessible(page)
  await page.getByRole('link', { name: 'Availability burns 21 times too fast' }).click()
  await expect(page).toHaveURL(/\/alerts\/a-1$/)
  await expect(page.getByRole('row', { name: /1h, long/ })).toContainText('21.4×')
  await expect(page.getByRole('row', { name: /5m, short/ })).toContainText('14.4×')
  await expect(page.getByText('502 Bad Gateway from https://hooks.example/on-call')).toBeVisible()
  await expect(page.getByText('Look at POST /api/checkout/*')).toBeVisible()
  await expectAccessible(page)
})

test('an alert leads to the charts of its time', async ({ page, serve }) => {
  await serve()
  await page.goto('/alerts/a-3')
  await page.getByRole('link', { name: 'See checkout at that time' }).click()
  await expect(page).toHaveURL(/\/services\/checkout\?from=.*&to=/)
  await expect(page.getByRole('list', { name: 'Alerts' })).toContainText('Availability burns 7 times too fast')
})

test('alerts of one service are asked for by address', async ({ page, serve }) => {
  await serve()
  await page.goto('/')
  await page.getByRole('article', { name: 'Search API' }).getByRole('link', { name: '1 ticket' }).click()
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Alerts of search-api')
  await expect(page.getByRole('article')).toHaveCount(1)
  await page.getByRole('link', { name: 'Show those of all services' }).click()
  await expect(page.getByRole('article')).toHaveCount(4)
})

test('no alert is said to be open when none is', async ({ page, serve }) => {
  await serve({ scenes: [] })
  await page.goto('/alerts')
  await expect(page.getByText('No alert is open.')).toBeVisible()
  await expect(page.getByText('None so far.')).toBeVisible()
})

test('an alert that does not exist is not on the chart', async ({ page, serve, allowConsole }) => {
  allowConsole(/Failed to load resource/)
  await serve()
  await page.goto('/alerts/nothing')
  await expect(page.getByRole('heading', { name: 'This is not on the chart' })).toBeVisible()
})
