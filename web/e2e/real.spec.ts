import type { APIRequestContext } from '@playwright/test'
import { EXAMPLE } from '../src/lib/gate/policy.ts'
import { planLoad } from '../src/lib/load/teach.ts'
import { PLAN } from '../src/lib/overview/teach.ts'
import { planRelease } from '../src/lib/releases/teach.ts'
import { expect, expectAccessible, test } from './support/test.ts'

/** The page over Plimsoll itself, as it runs for people; the other files use made-up answers. */
test.beforeEach(({ allowConsole }) => {
  // A machine busy with other tests sheds reads; the page says so and tries again.
  allowConsole(/503 \(Service Unavailable\)/)
})

/** Pushes equal events for each of these moments, one reply of each status a moment. */
const push = async (
  request: APIRequestContext,
  statuses: readonly number[],
  count: number,
  momentsAgoMs: readonly number[] = [0]
): Promise<void> => {
  const nowMs = Date.now()
  const lines = momentsAgoMs.flatMap((agoMs) =>
    statuses.map((status) =>
      JSON.stringify({
        service: 'till',
        at: new Date(nowMs - agoMs).toISOString(),
        status,
        durationMs: 12,
        path: '/sale/1',
        release: '2026.11.4',
        count
      })
    )
  )
  const headers = { 'content-type': 'application/x-ndjson' }
  const reply = await request.post('/api/v1/events', { headers, data: `${lines.join('\n')}\n` })
  expect(reply.status(), await reply.text()).toBe(200)
}

test('Plimsoll watches itself: its own traffic moves on its own page', async ({ page }) => {
  await page.goto('/')
  const own = page.getByRole('article', { name: 'Plimsoll' })
  await expect(own).toBeVisible()
  await expect(page.getByText('Live', { exact: true })).toBeVisible()
  const rate = own.getByRole('link', { name: /\/(s|min|h)/ })
  const before = await rate.textContent()
  await expect
    .poll(async () => {
      await page.request.get('/api/v1/services')
      return rate.textContent()
    })
    .not.toBe(before)
  await expectAccessible(page)
})

test('what was never measured is no success', async ({ page }) => {
  await page.goto('/services/ferry')
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Ferry')
  await expect(page.getByText('Could not measure', { exact: true }).first()).toBeVisible()
  await expect(page.getByText('What is drawn is silence, not success.')).toBeVisible()
  await expectAccessible(page)
})

test('failures overspend a budget, an alert opens by itself, and both say why', async ({ page, request }) => {
  await page.goto('/')
  const till = page.getByRole('article', { name: 'Till' })
  await expect(till).toBeVisible()
  // Two minutes of an outage: one moment alone is no evidence, however many requests it had.
  const outage = Array.from({ length: 12 }, (_, slot) => slot * 10_000)
  await push(request, [200, 500], 200, outage)
  await expect(till).toContainText('Fail', { timeout: 15_000 })
  await expect(till).toContainText('−')
  await till.getByRole('link', { name: /−/ }).first().click()
  const dialog = page.getByRole('dialog')
  await expect(dialog).toContainText('Formula')
  await expect(dialog).toContainText(/[\d,]+ of [\d,]+ requests failed/)
  await expectAccessible(page)
  await page.keyboard.press('Escape')
  const alerts = till.getByRole('link', { name: /page/ })
  await expect(alerts).toBeVisible({ timeout: 20_000 })
  await alerts.click()
  await page.getByRole('article').getByRole('link').first().click()
  await expect(page.getByRole('heading', { name: 'Numbers that fired' })).toBeVisible()
  await expectAccessible(page)
  await page.getByRole('link', { name: 'See till at that time' }).click()
  await expect(page.getByRole('slider', { name: /^Errors/ })).toBeVisible()
  await expect(page.getByRole('list', { name: 'Alerts' })).not.toBeEmpty()
})

test('every chart of a service is drawn from what was counted, and narrowed by route', async ({ page, request }) => {
  await push(request, [200, 200, 404, 503], 5)
  await page.goto('/services/till?range=15m')
  for (const name of ['Traffic', 'Errors', 'Latency:', 'Latency of every', 'Burn rate']) {
    await expect(page.getByRole('slider', { name: new RegExp(`^${name}`) })).toBeVisible()
  }
  await expect(page.getByRole('list', { name: 'Releases' })).toContainText('2026.11.4')
  const route = page.getByRole('link', { name: /sale/ })
  await route.click()
  await expect(page).toHaveURL(/route=/)
  const traffic = page
    .locator('figure', { has: page.getByRole('heading', { name: 'Traffic', exact: true }) })
    .locator('dl')
  await expect(traffic).toContainText(/requests\s*[1-9]/)
  await expect(page.getByText('Pushed events')).toBeVisible()
})

test('the plan is read, changed, looked at, applied and taken back', async ({ page }) => {
  await page.goto('/plan?view=file')
  const shown = page.getByRole('region', { name: 'Plan, YAML' })
  const given = await shown.textContent()
  expect(given).toContain('name: till')
  const edit = async (text: string): Promise<void> => {
    await page.getByRole('button', { name: 'Edit' }).click()
    await page.getByRole('textbox', { name: 'Plan, YAML' }).fill(text)
    await page.getByRole('button', { name: 'Show what it would change' }).click()
  }
  await edit((given ?? '').replace('title: Till', 'titel: Till'))
  await expect(page.getByText('It cannot be applied yet')).toBeVisible()
  await expect(page.getByRole('button', { name: 'Apply' })).toBeDisabled()
  await expectAccessible(page)
  await page.getByRole('button', { name: 'Discard' }).click()

  await edit((given ?? '').replace('title: Till', 'title: Cash desk'))
  await page.getByRole('button', { name: 'Apply' }).click()
  await expect(page.getByText(/Revision \d+ is in force/)).toBeVisible()
  await page.getByRole('link', { name: 'Overview' }).click()
  await expect(page.getByRole('article', { name: 'Cash desk' })).toBeVisible()

  await page.goto('/plan?view=file')
  await edit(given ?? '')
  await page.getByRole('button', { name: 'Apply' }).click()
  await expect(page.getByText(/Revision \d+ is in force/)).toBeVisible()
})

test('the checks of a milestone run against Plimsoll itself', async ({ page }) => {
  await page.goto('/plan?view=milestones')
  const milestone = page.getByRole('article', { name: /Backend/ })
  await milestone.getByRole('button', { name: 'Run checks' }).click()
  await expect(milestone).toContainText('1 of 1 checks pass', { timeout: 15_000 })
})

test('load is sent from the page to the target of the plan, watched, kept, and never counted as users', async ({
  page,
  request
}) => {
  await page.goto('/services/ferry/load')
  await expect(page.getByText('No load line yet')).toBeVisible()
  await page.getByRole('radio', { name: 'Run at a rate' }).check()
  await page.getByLabel('Requests per second').fill('50')
  await page.getByLabel('For seconds').fill('2')
  await page.getByLabel('Release, if any').fill('v1')
  await page.getByRole('button', { name: 'Start' }).click()
  const standing = page.getByRole('main').getByRole('status')
  await expect(standing).toContainText(/The run (is|has)/)
  await expect(standing).toContainText('The run has ended', { timeout: 20_000 })
  await expect(page.getByRole('region', { name: 'Runs' }).getByRole('row').filter({ hasText: 'v1' })).toBeVisible()
  await page.getByRole('link', { name: 'See what it came to' }).click()
  await expect(page.getByRole('heading', { level: 1 })).toContainText('Run of ferry v1')
  await expect(page.getByRole('row', { name: /Status 200/ })).toContainText('100')
  await expect(page.getByRole('slider', { name: /^Latency by percentile/ })).toBeVisible()
  await expectAccessible(page)
  const users = await request.get('/api/v1/services/plimsoll/routes')
  expect(await users.text()).not.toContain('/healthz')
})

test('more load than the plan allows is refused by Plimsoll itself', async ({ page, allowConsole }) => {
  allowConsole(/400 \(Bad Request\)/)
  await page.goto('/services/ferry/load')
  await page.getByRole('radio', { name: 'Run at a rate' }).check()
  const field = page.getByLabel('Requests per second')
  await field.evaluate((input: HTMLInputElement) => input.removeAttribute('max'))
  await field.fill('900')
  await page.getByRole('button', { name: 'Start' }).click()
  await expect(page.getByRole('alert')).toContainText(/900 requests per second are more than the 200 the plan allows/)
  await page.goto('/services/till/load')
  await expect(page.getByText('The plan names no target for it')).toBeVisible()
})

test('what the empty pages teach are plans that work', async ({ request }) => {
  for (const plan of [PLAN, planLoad('shop-api'), planRelease('shop-api')]) {
    const reply = await request.post('/api/v1/plan/diff', {
      headers: { 'content-type': 'application/yaml' },
      data: `plan: plimsoll/v1\n${plan}`
    })
    const { faults } = (await reply.json()) as { faults: { severity: string; text: string }[] }
    expect(faults.filter(({ severity }) => severity === 'error')).toEqual([])
  }
})

test('the gate is asked, overridden by a person, and the release carries both', async ({ page, request }) => {
  const outage = Array.from({ length: 12 }, (_, slot) => slot * 10_000)
  await push(request, [200, 500], 200, outage)
  await page.goto('/services/till/gate')
  await page.getByLabel('Version', { exact: true }).fill('2026.11.4')
  const rows = page.getByRole('region', { name: 'Verdicts' }).getByRole('row')
  const answer = page.getByRole('status').filter({ hasText: 'till' })
  // The budget is judged once a second.
  await expect(async () => {
    await page.getByRole('button', { name: 'May it ship?' }).click()
    await expect(answer).toContainText('May not ship', { timeout: 2_000 })
  }).toPass({ timeout: 20_000 })
  await expect(answer).toContainText(/A dry run.*Error budget left.*blocks.*is overspent/s)
  await expect(rows).toHaveCount(0)

  await page.getByRole('button', { name: 'Override …' }).click()
  const dialog = page.getByRole('dialog')
  await expect(dialog.getByLabel('Error budget left')).toBeChecked()
  await dialog.getByLabel('Reason').fill('it repairs the till, the shop has agreed')
  await dialog.getByRole('button', { name: 'Override' }).click()
  await expect(page.getByRole('region', { name: 'Overrides' })).toContainText('It repairs the till')

  await page.getByLabel('Dry run: keep nothing').uncheck()
  await page.getByRole('button', { name: 'May it ship?' }).click()
  await expect(answer).toContainText('May ship, with a warning')
  await rows.nth(1).getByRole('link').click()
  await expect(page.getByRole('heading', { level: 1 })).toContainText('May ship, with a warning: till 2026.11.4')
  await expect(page.getByRole('main')).toContainText(/Error budget left.*overridden/s)
  await expectAccessible(page)
  const coming = page.waitForEvent('download')
  await page.getByRole('link', { name: 'Download the signed verdict' }).click()
  expect((await coming).suggestedFilename()).toBe('verdict-till-2026.11.4.json')

  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Releases' }).click()
  await page.getByRole('article').filter({ hasText: 'till' }).getByRole('link', { name: /till/ }).click()
  await expect(page.getByRole('heading', { level: 1 })).toContainText('till 2026.11.4')
  await expect(page.getByRole('region', { name: 'Gate' })).toContainText('May ship, with a warning')
  await expect(page.getByRole('region', { name: 'Overrides' })).toContainText(/It repairs the till.*changed 1 verdict/s)
  await expectAccessible(page)
  await page.getByRole('button', { name: 'Fail …' }).click()
  await dialog.getByLabel('Reason').fill('not today')
  await dialog.getByRole('button', { name: 'Fail', exact: true }).click()
  await expect(page.getByRole('region', { name: 'What was done' })).toContainText(/Fail.*Not today/s)
})

test('a policy is tried on the past of Plimsoll itself, and a wrong one is told by its place', async ({
  page,
  allowConsole
}) => {
  allowConsole(/400 \(Bad Request\)/)
  await page.goto('/services/till/gate/backtest')
  const policy = page.getByRole('textbox', { name: /Policy to try/ })
  await policy.fill(EXAMPLE)
  await page.getByRole('button', { name: 'Replay' }).click()
  await expect(page.getByRole('heading', { name: /Would have blocked \d+ of \d+ releases/ })).toBeVisible()
  await policy.fill('rules: { freeze: sometimes }')
  await page.getByRole('button', { name: 'Replay' }).click()
  await expect(page.getByRole('alert')).toContainText(/rules\.freeze/)
})

test('files with a hash in their name are kept for ever, pages are asked for again', async ({ page }) => {
  const kept: (string | undefined)[] = []
  page.on('response', (response) => {
    if (response.url().includes('/_app/immutable/')) kept.push(response.headers()['cache-control'])
  })
  const shell = await page.goto('/')
  expect(shell?.headers()['cache-control']).toContain('no-cache')
  expect(shell?.headers()['content-security-policy']).toContain("require-trusted-types-for 'script'")
  await expect(page.getByRole('article').first()).toBeVisible()
  expect(kept.length).toBeGreaterThan(3)
  expect(kept.filter((value) => !value?.includes('immutable'))).toEqual([])
})

test('the first page needs at most 100 kB of script', async ({ page, browser }) => {
  const session = await page.context().newCDPSession(page)
  await session.send('Network.enable')
  let scriptBytes = 0
  const scripts = new Set<string>()
  session.on('Network.responseReceived', ({ requestId, response }) => {
    if (response.mimeType.includes('javascript')) scripts.add(requestId)
  })
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (scripts.has(requestId)) scriptBytes += encodedDataLength
  })
  await page.goto('/')
  await expect(page.getByRole('article').first()).toBeVisible()
  expect(scriptBytes, browser.version()).toBeGreaterThan(20_000)
  expect(scriptBytes).toBeLessThan(100_000)
})
