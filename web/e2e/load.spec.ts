import type { Page } from '@playwright/test'
import { aSending } from './support/load.ts'
import { expect, expectAccessible, test } from './support/test.ts'

const runs = (page: Page) => page.getByRole('region', { name: 'Runs' })
const chart = (page: Page, name: string) => page.getByRole('slider', { name: new RegExp(`^${name}`) })

test('every service stands with its headroom, the fullest first, or with why there is none', async ({
  page,
  serve
}) => {
  await serve()
  await page.goto('/load')
  const headroom = page.getByRole('region', { name: 'Headroom' })
  const rows = headroom.getByRole('listitem')
  await expect(rows).toHaveCount(10)
  await expect(rows.filter({ hasText: 'Image resizer' })).toContainText(/% headroom, stale/)
  await expect(rows.filter({ hasText: 'Payments webhook' })).toContainText('no load line yet')
  await expect(rows.last()).toContainText('Payments webhook')
  await expect(rows.filter({ hasText: 'Shop API' })).toContainText('measured 3 d ago')
  await expectAccessible(page)
})

test('a run stands in the list with its verdict, version, interval, machine and mark', async ({ page, serve }) => {
  await serve()
  await page.goto('/load')
  const row = (words: string) => runs(page).getByRole('row').filter({ hasText: words })
  await expect(row('12 min')).toContainText(/Pass.*2026\.11\.3.*Paced.*200.\/s.*102.ms.*99.ms to 106.ms.*0.%.*9f2c41/)
  await expect(row('3 h ago')).toContainText(/Fail.*2\.10.%/)
  await expect(row('5 h ago')).toContainText(/Not enough evidence.*160.ms or more/)
  await expect(row('8 h ago')).toContainText('Could not measure')
  await expect(row('partial')).toHaveCount(1)
  await expect(row('k6')).toContainText(/Imported.*unknown/)
})

test('older runs are one page further, in the address', async ({ page, serve }) => {
  await serve()
  await page.goto('/load')
  await expect(runs(page).getByRole('row')).toHaveCount(51)
  await page.getByRole('link', { name: 'Older' }).click()
  await expect(page).toHaveURL(/before=50/)
  await expect(runs(page).getByRole('row')).toHaveCount(18)
  await expect(page.getByRole('link', { name: 'Older' })).toHaveCount(0)
  await page.getByRole('link', { name: 'Newest' }).click()
  await expect(runs(page).getByRole('row')).toHaveCount(51)
})

test('without any run the page teaches how the first one is made', async ({ page, serve }) => {
  const { SCENES } = await import('./support/scene.ts')
  await serve({ scenes: SCENES.filter(({ name }) => name !== 'shop-api') })
  await page.goto('/load')
  await expect(page.getByText('No load test was run yet.')).toBeVisible()
  await expect(page.getByText('npx plimsoll load line http://127.0.0.1:8080/api/items')).toBeVisible()
  await expect(page.getByText('requests: [GET /api/items')).toBeVisible()
  await expectAccessible(page)
})

const verdicts = [
  { id: 'r-pass', words: ['Pass', '1.5 % took more than 200 ms'], charts: 4 },
  {
    id: 'r-fail',
    words: ['Fail', '252 of 12000 (2.1 %) failed', 'Status 503', 'No reply in time'],
    charts: 4,
    axe: true
  },
  { id: 'r-thin', words: ['Not enough evidence', 'About 2,400 more requests like these'], charts: 4 },
  { id: 'r-none', words: ['Could not measure', 'No request was counted', 'there is nothing to draw'], charts: 0 },
  { id: 'r-partial', words: ['Partial: it ended before its time and is never a baseline'], charts: 4 },
  {
    id: 'r-k6',
    words: ['Imported, k6', 'k6 told nothing of single seconds', 'compared with nothing'],
    charts: 1,
    axe: true
  }
]
for (const { id, words, charts, axe = false } of verdicts) {
  test(`one run says what it came to and why: ${id}`, async ({ page, serve }) => {
    await serve()
    await page.goto(`/services/shop-api/runs/${id}`)
    await expect(page.getByRole('heading', { level: 1 })).toContainText('Run of shop-api')
    for (const text of words) await expect(page.getByRole('main')).toContainText(text)
    await expect(page.getByRole('slider')).toHaveCount(charts)
    if (axe) await expectAccessible(page)
  })
}

test('percentiles are read by mouse and by keyboard', async ({ page, serve }) => {
  await serve()
  await page.goto('/services/shop-api/runs/r-pass')
  const curve = chart(page, 'Latency by percentile')
  await curve.focus()
  await page.keyboard.press('Home')
  await expect(curve).toHaveAttribute('aria-valuetext', /^at p10, this run \d+/)
  await page.keyboard.press('End')
  await expect(curve).toHaveAttribute('aria-valuetext', /^at slowest, this run 410.ms$/)
  for (let presses = 0; presses < 12; presses++) {
    if ((await curve.getAttribute('aria-valuetext'))?.startsWith('at p95,')) break
    await page.keyboard.press('ArrowLeft')
  }
  await expect(curve).toHaveAttribute('aria-valuetext', /^at p95, this run 102.ms$/)
  await page.keyboard.press('Escape')
  await expect(curve).toHaveAttribute('aria-valuetext', 'nothing chosen')
  const box = (await curve.boundingBox())!
  await page.mouse.move(box.x + 2, box.y + 100)
  await expect(curve).toHaveAttribute('aria-valuetext', /^at p10,/)
})

test('a part of the run is looked at closely, in the address', async ({ page, serve }) => {
  await serve()
  await page.goto('/services/shop-api/runs/r-pass')
  const rate = chart(page, 'Rate')
  await rate.focus()
  await page.keyboard.press('Home')
  await page.keyboard.press('+')
  await expect(page).toHaveURL(/t=0-30/)
  await expect(rate).toHaveAttribute('aria-valuetext', /sent \d+.\/s, offered 200.\/s/)
  await page.getByRole('button', { name: 'Show the whole run' }).click()
  await expect(page).not.toHaveURL(/t=/)
})

test('two runs of one machine stand side by side with their difference', async ({ page, serve }) => {
  await serve()
  await page.goto('/services/shop-api/runs/r-pass')
  await page.getByLabel('Beside').selectOption('r-fail')
  await expect(page).toHaveURL(/with=r-fail/)
  const both = page.getByRole('region', { name: 'Both runs' })
  await expect(both.getByRole('row', { name: /^p95/ })).toContainText(/102.ms.*269.ms.*2\.62×.*intervals are apart/)
  await expect(page.getByText('make perf-compare')).toBeVisible()
  await chart(page, 'Latency by percentile').focus()
  await page.keyboard.press('End')
  await expect(chart(page, 'Latency by percentile')).toHaveAttribute('aria-valuetext', /first 410.ms, second 1\.07.s/)
  await expectAccessible(page)
  await page.goBack()
  await expect(page.getByRole('heading', { level: 1 })).toContainText('Run of shop-api')
})

test('runs of two machines are shown, not compared', async ({ page, serve }) => {
  await serve()
  await page.goto('/services/shop-api/runs/r-pass?with=r-laptop')
  await expect(page.getByRole('list', { name: 'Not compared' })).toContainText('measured on different machines')
  const both = page.getByRole('region', { name: 'Both runs' })
  await expect(both).toContainText('Apple M3')
  await expect(both).not.toContainText('×')
  await expectAccessible(page)
})

test('the load line says how much is carried, what limits it, and what an autoscaler needs', async ({
  page,
  serve
}) => {
  await serve()
  await page.goto('/services/shop-api/load')
  const line = page.getByRole('region', { name: 'Load line', exact: true })
  await expect(line).toContainText(/335.\/s\s*held to the end/)
  await expect(line).toContainText(/between 337.\/s and 362.\/s/)
  await expect(line).toContainText(/Limited by\s*latency/)
  await chart(page, 'p95 over rate').focus()
  await page.keyboard.press('End')
  await expect(chart(page, 'p95 over rate')).toHaveAttribute('aria-valuetext', /^sent 395.\/s, p95 \d/)
  await page.getByText('For an autoscaler').click()
  await expect(page.getByRole('group', { name: 'Scaling policy' })).toContainText('scaling {')
  await expectAccessible(page)
  await page.getByRole('region', { name: 'Searches' }).getByRole('link').last().click()
  await expect(page.getByText('Partial: it ended before its time')).toBeVisible()
  await expectAccessible(page)
})

test('a stale line says so wherever its headroom is told', async ({ page, serve }) => {
  await serve()
  await page.goto('/')
  const row = page.getByRole('article', { name: 'Image resizer' })
  await row.getByRole('link', { name: /headroom, stale/ }).click()
  const dialog = page.getByRole('dialog')
  await expect(dialog).toContainText('The load line is 31 days old')
  await expect(dialog).toContainText('Measure it again')
  await expectAccessible(page)
  await dialog.getByRole('link', { name: 'Open the load of images' }).click()
  await expect(page.getByRole('note')).toContainText('The load line is 31 days old')
})

test('headroom follows the traffic as it moves', async ({ page, serve }) => {
  const server = await serve()
  await page.goto('/services/plimsoll')
  const headroom = page.getByRole('link', { name: /headroom/ })
  await expect(headroom).toBeVisible()
  await expect(page.getByRole('banner').getByText('Live')).toBeVisible()
  const news = { seconds: [], ratePerS: 4.1 / 0.03 / 2, errorRatio: 0, p95Ms: 10 }
  await expect(async () => {
    server.send('slices', { atMs: Date.now(), services: { plimsoll: news } })
    await expect(headroom).toContainText(/50.% headroom/, { timeout: 300 })
  }).toPass()
})

test('without a line the service says so and how to come by one', async ({ page, serve }) => {
  await serve()
  await page.goto('/services/payments-webhook')
  await page.getByRole('link', { name: /no load line yet/ }).click()
  const dialog = page.getByRole('dialog')
  await expect(dialog).toContainText('Could not measure')
  await expect(dialog).toContainText('npx plimsoll load line URL')
  await dialog.getByRole('link', { name: /Open the load/ }).click()
  await expect(page.getByText('The plan names no target for it')).toBeVisible()
  await expect(page.getByText('- name: payments-webhook')).toBeVisible()
  await expect(page.getByRole('button', { name: 'Start' })).toHaveCount(0)
  await expectAccessible(page)
})

test('a search is started, watched and stopped by keyboard alone', async ({ page, serve }) => {
  const server = await serve()
  await page.goto('/services/shop-api/load')
  await expect(page.getByText('Live', { exact: true })).toBeVisible()
  await page.getByRole('radio', { name: 'Find the load line' }).focus()
  await page.keyboard.press('Enter')
  const standing = page.getByRole('main').getByRole('status')
  await expect(standing).toContainText('The search for the load line is starting')
  server.send(
    'load',
    aSending('shop-api', 'line', {
      state: 'running',
      phase: 'refine',
      ratePerS: 320,
      leftMs: 61_000,
      sent: 2_211,
      bad: 3,
      p95Ms: 182,
      estimatePerS: 345,
      intervalPerS: [331, 360]
    })
  )
  await expect(standing).toContainText('is under way')
  const panel = page.getByRole('region', { name: 'Send load' })
  await expect(panel).toContainText(
    /320.\/s\s+p95\s+182.ms\s+Failed\s+3\s+of 2,211\s+Load line, estimate\s+345.\/s\s+331.\/s to 360.\/s/
  )
  await expect(panel).toContainText(/Time left, at most\s+1.min/)
  await expect(panel).toContainText('Narrowing it down')
  await expectAccessible(page)
  const stopped = page.waitForRequest((request) => request.method() === 'DELETE')
  await page.getByRole('button', { name: 'Stop' }).focus()
  await page.keyboard.press('Enter')
  await stopped
  await expect(standing).toContainText('is ending')
  server.send('load', aSending('shop-api', 'line', { state: 'ended', result: 'l-shop-api-stopped' }))
  await page.getByRole('link', { name: 'See what it came to' }).click()
  await expect(page.getByText('The search was ended before its time')).toBeVisible()
})

test('a sending that is under way is there for whoever opens the page, and a failed one says why', async ({
  page,
  serve
}) => {
  const server = await serve()
  server.send('load', aSending('shop-api', 'run', { state: 'running', ratePerS: 100, leftMs: 20_000 }))
  await page.goto('/services/shop-api/load')
  const panel = page.getByRole('region', { name: 'Send load' })
  await expect(panel).toContainText('The run is under way')
  await expect(page.getByRole('button', { name: 'Start' })).toHaveCount(0)
  await expect(page.getByText('Live', { exact: true })).toBeVisible()
  const error = { code: 'PLIMSOLL_TARGET_REFUSED', text: 'nothing listens there', hint: 'start the service' }
  server.send('load', aSending('shop-api', 'run', { state: 'failed', error }))
  await expect(panel).toContainText('The run ended without a result')
  await expect(panel.getByRole('alert')).toContainText(/Nothing listens there.*Start the service.*TARGET_REFUSED/)
  await expect(page.getByRole('button', { name: 'Start' })).toBeVisible()
})

test('more than the plan allows is refused, with what would work', async ({ page, serve, allowConsole }) => {
  allowConsole(/Failed to load resource/)
  await serve()
  await page.goto('/services/shop-api/load')
  await page.getByRole('radio', { name: 'Run at a rate' }).check()
  await page.getByLabel('Requests per second').fill('400')
  await page.getByLabel('For seconds').fill('5')
  await page.getByRole('button', { name: 'Start' }).click()
  await expect(page.getByRole('alert')).toContainText(/does not allow so much load.*raise load\.maxRate/)
  await page.getByLabel('Requests per second').fill('200')
  const asked = page.waitForRequest((request) => request.method() === 'POST')
  await page.getByRole('button', { name: 'Start' }).click()
  expect((await asked).postDataJSON()).toEqual({
    kind: 'run',
    ratePerS: 200,
    durationMs: 5_000,
    arrivals: 'constant'
  })
  await expect(page.getByRole('main').getByRole('status')).toContainText('The run is starting')
})

test('who may not send load is told so, and may give a token', async ({ page, serve, allowConsole }) => {
  allowConsole(/Failed to load resource/)
  await serve({ guarded: true })
  await page.goto('/services/shop-api/load')
  await page.getByRole('button', { name: 'Start' }).click()
  await expect(page.getByRole('alert')).toContainText('A token is needed')
  await page.getByLabel('API token').fill('secret')
  await page.getByRole('button', { name: 'Start with it' }).click()
  await expect(page.getByRole('main').getByRole('status')).toContainText('is starting')
})

test('a run and a line that do not exist are told apart from failures', async ({ page, serve, allowConsole }) => {
  allowConsole(/Failed to load resource/)
  await serve()
  for (const address of ['/services/shop-api/runs/r-x', '/services/shop-api/load-lines/l-x', '/services/nobody/load']) {
    await page.goto(address)
    await expect(page.getByRole('heading', { name: 'This is not on the chart' })).toBeVisible()
  }
})

test.describe('in the dark', () => {
  test.use({ colorScheme: 'dark' })
  test('the load pages are accessible as well', async ({ page, serve }) => {
    await serve()
    for (const [address, words] of [
      ['/load', 'partial'],
      ['/services/images/load', 'days old'],
      ['/services/shop-api/runs/r-pass?with=r-laptop', 'Apple M3']
    ] as const) {
      await page.goto(address)
      await expect(page.getByText(words).first()).toBeVisible()
      await expectAccessible(page)
    }
  })
})
