import { SCENES } from './support/scene.ts'
import { expect, expectAccessible, expectNoSidewaysScroll, test } from './support/test.ts'

test('services stand worst first, each with its state, its budgets and why', async ({ page, serve }) => {
  await serve()
  await page.goto('/')
  const names = page.getByRole('article').getByRole('heading', { level: 2 })
  await expect(names).toHaveText([
    'Checkout',
    'Search API',
    'Payments webhook',
    'Monthly reports',
    'Image resizer',
    'Shop API',
    'Accounts',
    'Mailer',
    'Catalog',
    'Plimsoll'
  ])
  const checkout = page.getByRole('article', { name: 'Checkout' })
  await expect(checkout).toContainText('Fail')
  await expect(checkout).toContainText('−34.0')
  await expect(checkout).toContainText('1 page')
  const silent = page.getByRole('article', { name: 'Payments webhook' })
  await expect(silent).toContainText('Could not measure')
  await expect(silent).toContainText('Let Caddy write its log there')
  const rare = page.getByRole('article', { name: 'Monthly reports' })
  await expect(rare).toContainText('Not enough evidence')
  await expect(rare).toContainText('2,788 more requests are needed')
})

test('filter and search live in the address and survive going back and loading again', async ({ page, serve }) => {
  await serve()
  await page.goto('/')
  await page.getByRole('navigation', { name: 'Filter by state' }).getByRole('link', { name: 'Warn' }).click()
  await expect(page).toHaveURL(/\?state=warn$/)
  await expect(page.getByRole('article')).toHaveCount(1)
  await page.goBack()
  await expect(page.getByRole('article')).toHaveCount(SCENES.length)
  await page.keyboard.press('/')
  await page.keyboard.type('team-platform plim')
  await expect(page).toHaveURL(/\?q=team-platform\+plim$/)
  await expect(page.getByRole('article')).toHaveCount(1)
  await page.reload()
  await expect(page.getByRole('article')).toHaveCount(1)
  await expect(page.getByRole('searchbox')).toHaveValue('team-platform plim')
  await page.getByRole('searchbox').fill('nobody')
  await expect(page.getByText('No service matches.')).toBeVisible()
  await page.getByRole('link', { name: 'Show all' }).click()
  await expect(page.getByRole('article')).toHaveCount(SCENES.length)
})

test('a number opens why it is what it is, by mouse and by keyboard, and closing gives the focus back', async ({
  page,
  serve
}) => {
  await serve()
  await page.goto('/')
  const number = page.getByRole('article', { name: 'Checkout' }).getByRole('link', { name: /−34.0/ })
  await number.click()
  const dialog = page.getByRole('dialog')
  await expect(dialog).toContainText('−34.0 % of the budget left'.replaceAll(' %', '\u00a0%'))
  await expect(dialog).toContainText('remaining = 1 - bad / ((1 - target) * total)')
  await expect(dialog).toContainText('Ship only what restores it')
  await expect(page).toHaveURL(/why=checkout:objective:availability/)
  await expectAccessible(page)
  await page.keyboard.press('Escape')
  await expect(dialog).toBeHidden()
  await expect(page).not.toHaveURL(/why=/)
  await expect(number).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(dialog).toBeVisible()
  await page.goBack()
  await expect(dialog).toBeHidden()
  await page.getByRole('article', { name: 'Shop API' }).getByRole('link', { name: /\/s/ }).click()
  await expect(dialog).toContainText('rate = user requests of the last minute / 60 s')
  await page.mouse.click(5, 5)
  await expect(dialog).toBeHidden()
})

test('traffic moves by itself', async ({ page, serve }) => {
  await serve()
  await page.goto('/')
  const path = page.getByRole('article', { name: 'Catalog' }).locator('svg[role=img] path').first()
  const before = await path.getAttribute('d')
  await expect.poll(() => path.getAttribute('d')).not.toBe(before)
})

test('a new state moves a service to its place at once', async ({ page, serve }) => {
  const server = await serve()
  await page.goto('/')
  await expect(page.getByText('Live', { exact: true })).toBeVisible()
  await page.route('**/api/v1/services', () => {})
  const objectives = [{ name: 'availability', state: 'fail' as const, remainingRatio: -0.5, burnRate: 40 }]
  server.send('state', { service: 'mailer', state: 'fail', remainingRatio: -0.5, objectives })
  const first = page.getByRole('article').first()
  await expect(first).toContainText('Mailer')
  await expect(first).toContainText('−50.0')
})

test('an empty Plimsoll teaches how a service comes to be watched', async ({ page, serve, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await serve({ scenes: [] })
  await page.goto('/')
  await expect(page.getByText('Nothing is watched yet.')).toBeVisible()
  await page.getByRole('button', { name: 'Copy Caddyfile' }).click()
  await expect(page.getByRole('button', { name: 'Caddyfile' })).toContainText('Copied')
  const copied = await page.evaluate(() => navigator.clipboard.readText())
  expect(copied).toContain('output file /var/log/caddy/access.ndjson')
  expect(copied).toContain('format json')
  await expect(page.getByText('npx plimsoll import')).toBeVisible()
  await expectAccessible(page)
})

test('a failing API says what happened and what to do, and the page recovers by itself', async ({
  page,
  serve,
  allowConsole
}) => {
  allowConsole(/Failed to load resource/)
  await serve()
  await page.route('**/api/v1/services', (route) => route.abort())
  await page.goto('/')
  await expect(page.getByText('Plimsoll did not answer')).toBeVisible()
  await expectAccessible(page)
  const again = page.waitForRequest('**/api/v1/services')
  await page.getByRole('button', { name: 'Try again' }).click()
  await again
  await page.unroute('**/api/v1/services')
  await expect(page.getByRole('article')).toHaveCount(SCENES.length, { timeout: 15_000 })
})

test('what was read stays when reading it again fails', async ({ page, serve, allowConsole }) => {
  allowConsole(/Failed to load resource/)
  const server = await serve()
  await page.goto('/')
  await expect(page.getByRole('article')).toHaveCount(SCENES.length)
  const problem = {
    type: 'about:blank',
    title: 'Busy',
    status: 503,
    code: 'PLIMSOLL_BUSY',
    detail: 'Shed.',
    requestId: 'r-1'
  }
  await page.route('**/api/v1/services', (route) =>
    route.fulfill({ status: 503, contentType: 'application/problem+json', json: problem })
  )
  await expect(page.getByText('Live', { exact: true })).toBeVisible()
  server.send('reset', { reason: 'test' })
  await expect(page.getByText(/Busy. Shown is what was read at/)).toBeVisible()
  await expect(page.getByRole('article')).toHaveCount(SCENES.length)
})

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(`in ${colorScheme}`, () => {
    test.use({ colorScheme })
    test('the overview is accessible', async ({ page, serve }) => {
      await serve()
      await page.goto('/')
      await expect(page.getByRole('article')).toHaveCount(SCENES.length)
      await expectAccessible(page)
    })
  })
}

test('the appearance is chosen in the foot and kept', async ({ page, serve }) => {
  await serve()
  await page.goto('/')
  await page.getByText('dark', { exact: true }).click()
  await page.reload()
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark')
  await expect(page.getByRole('radio', { name: 'dark' })).toBeChecked()
  const paper = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
  expect(paper).toContain('oklch(0.185')
})

for (const width of [360, 768, 1_920]) {
  test(`nothing scrolls sideways at ${width} px`, async ({ page, serve }) => {
    await page.setViewportSize({ width, height: 800 })
    await serve({ refused: true })
    for (const address of [
      '/',
      '/services/checkout',
      '/load',
      '/services/shop-api/load',
      '/services/shop-api/runs/r-fail',
      '/services/shop-api/runs/r-pass?with=r-k6',
      '/services/shop-api/load-lines/l-shop-api',
      '/alerts',
      '/alerts/a-1',
      '/plan',
      '/plan?view=milestones',
      '/plan?view=risks',
      '/plan?view=file',
      '/nowhere'
    ]) {
      await page.goto(address)
      await expect(page.locator('main')).toContainText(/\w/)
      await expect(page.locator('[aria-busy=true]')).toHaveCount(0)
      await expectNoSidewaysScroll(page)
    }
  })
}

test('the page does not move while it loads', async ({ page, serve }) => {
  await serve()
  await page.addInitScript(() => {
    const moved: string[] = []
    let sum = 0
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & {
        value: number
        sources: { node: Node | null }[]
      })[]) {
        sum += entry.value
        moved.push(
          ...entry.sources.map(({ node }) => `${entry.value.toFixed(3)} ${node?.textContent?.trim().slice(0, 40)}`)
        )
      }
      Object.assign(globalThis, { shift: { sum, moved } })
    }).observe({ type: 'layout-shift', buffered: true })
    Object.assign(globalThis, { shift: { sum, moved } })
  })
  for (const [address, words] of [
    ['/', 'team-payments'],
    ['/services/checkout', 'Availability over'],
    ['/plan?view=milestones', 'Backend'],
    ['/services/shop-api/load', 'Searches for the load line'],
    ['/services/shop-api/runs/r-fail', 'Status 503']
  ] as const) {
    await page.goto(address)
    await expect(page.getByText(words).first()).toBeVisible()
    await expect(page.locator('[aria-busy=true]')).toHaveCount(0)
    const { sum, moved } = await page.evaluate(
      () => (globalThis as unknown as { shift: { sum: number; moved: string[] } }).shift
    )
    expect(sum, `${address}: ${moved.join('; ')}`).toBeLessThan(0.05)
  }
})
