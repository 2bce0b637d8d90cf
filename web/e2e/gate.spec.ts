import { readFile } from 'node:fs/promises'
import type { Page } from '@playwright/test'
import { expect, expectAccessible, expectNoSidewaysScroll, test } from './support/test.ts'

const part = (page: Page, name: string) => page.getByRole('region', { name, exact: true })
const dialog = (page: Page) => page.getByRole('dialog')
const rule = (page: Page, title: string) => page.getByRole('listitem').filter({ hasText: new RegExp(`^\\s*${title}`) })

test('a verdict is a checklist: what blocks stands first and open, the rest opens to its numbers', async ({
  page,
  serve
}) => {
  await serve()
  await page.goto('/verdicts/v-fail')
  await expect(page.getByRole('heading', { level: 1 })).toContainText('May not ship: shop-api 2026.11.2 to production')
  const rules = page.getByRole('main').locator('li > details')
  await expect(rules).toHaveCount(10)
  await expect(rules.nth(0)).toContainText(/Error budget left.*blocks.*Next.*Value.*−34.%.*Limit.*10\.0.%.*9,720,000/s)
  await expect(rules.nth(1)).toContainText(/No alert that pages.*blocks/s)
  await expect(rule(page, 'Load run').getByText('24,000', { exact: true })).toBeHidden()
  await rule(page, 'Load run').locator('summary').focus()
  await page.keyboard.press('Enter')
  await expect(rule(page, 'Load run')).toContainText(/102.ms, between 99.ms and 106.ms/)
  await expect(rule(page, 'Load run').getByText('24,000', { exact: true })).toBeVisible()
  await expect(rule(page, 'Freeze')).toContainText('not asked')
  await expectAccessible(page)
})

const answers = [
  { id: 'v-pass', head: 'May ship:' },
  { id: 'v-warn', head: 'May ship, with a warning' },
  { id: 'v-none', head: 'Not known whether it may ship' }
]
for (const { id, head } of answers) {
  test(`a verdict says in words what it is: ${id}`, async ({ page, serve }) => {
    await serve()
    await page.goto(`/verdicts/${id}`)
    await expect(page.getByRole('heading', { level: 1 })).toContainText(head)
  })
}

test('the signed verdict is downloaded, and the page says how it is checked', async ({ page, serve }) => {
  await serve()
  await page.goto('/verdicts/v-pass')
  const coming = page.waitForEvent('download')
  await page.getByRole('link', { name: 'Download the signed verdict' }).click()
  const file = await coming
  expect(file.suggestedFilename()).toBe('verdict-shop-api-2026.11.4.json')
  const envelope = JSON.parse(await readFile(await file.path(), 'utf8')) as { payloadType: string }
  expect(envelope.payloadType).toBe('application/vnd.in-toto+json')
  await expect(page.getByText('npx plimsoll verify verdict-shop-api-2026.11.4.json')).toBeVisible()
})

test('the gate is asked as a dry run that keeps nothing, then for a verdict that stays', async ({ page, serve }) => {
  await serve()
  await page.goto('/services/shop-api/gate')
  const rows = part(page, 'Verdicts').getByRole('row')
  await expect(rows).toHaveCount(5)
  await page.getByLabel('Version', { exact: true }).fill('2026.11.5')
  await page.getByRole('button', { name: 'May it ship?' }).click()
  const answer = page.getByRole('status').filter({ hasText: 'dry run' })
  await expect(answer).toContainText(
    /May ship: shop-api 2026\.11\.5 to production.*A dry run, not kept and not signed/s
  )
  await expect(rows).toHaveCount(5)
  await expectAccessible(page)
  await page.getByLabel('Dry run: keep nothing').uncheck()
  await page.getByRole('button', { name: 'May it ship?' }).click()
  await expect(rows).toHaveCount(6)
  await rows.nth(1).getByRole('link').click()
  await expect(page).toHaveURL(/\/verdicts\//)
  await expect(page.getByRole('heading', { level: 1 })).toContainText('2026.11.5')
})

test('an override is taken with a reason, changes the next verdict, is ended, and stays', async ({ page, serve }) => {
  await serve()
  await page.goto('/services/checkout/gate')
  await page.getByLabel('Version', { exact: true }).fill('8.2.0')
  await page.getByRole('button', { name: 'May it ship?' }).click()
  const answer = page.getByRole('status').filter({ hasText: 'dry run' })
  await expect(answer).toContainText('May not ship')
  await page.getByRole('button', { name: 'Override …' }).click()
  await expect(dialog(page).getByLabel('Version, empty for any')).toHaveValue('8.2.0')
  for (const name of ['Error budget left', 'No alert that pages'])
    await expect(dialog(page).getByLabel(name)).toBeChecked()
  await expect(dialog(page).getByRole('button', { name: 'Override' })).toBeDisabled()
  await dialog(page).getByLabel('Reason').fill('too short')
  await expect(dialog(page)).toContainText('Give a reason of at least 10 characters.')
  await dialog(page).getByLabel('For hours, at most 168').fill('169')
  await dialog(page).getByLabel('Reason').fill('it repairs the outage itself, agreed with the lead')
  await expect(dialog(page)).toContainText('It may last up to 7 days.')
  await dialog(page).getByLabel('For hours, at most 168').fill('2')
  await expectAccessible(page)
  await dialog(page).getByRole('button', { name: 'Override' }).click()
  await expect(part(page, 'Overrides')).toContainText(
    /for 8\.2\.0 to production.*It repairs the outage.*in force until/s
  )
  await page.getByRole('button', { name: 'May it ship?' }).click()
  await expect(answer).toContainText(/May ship, with a warning.*overridden.*What was measured stays/s)
  await part(page, 'Overrides')
    .getByRole('button', { name: /End it now/ })
    .click()
  await dialog(page).getByRole('button', { name: 'End it' }).click()
  await expect(part(page, 'Overrides')).toContainText(/ended by anna/)
  await expect(part(page, 'Overrides').getByRole('button', { name: /End it now/ })).toHaveCount(0)
})

test('who may only read sees everything, asks nothing, and is told why', async ({ page, serve }) => {
  await serve({ role: 'viewer' })
  await page.goto('/services/shop-api/gate')
  await expect(page.getByRole('button', { name: 'May it ship?' })).toBeDisabled()
  await expect(page.getByText('This needs the role deployer; anna is viewer.')).toBeVisible()
  await expect(page.getByRole('button', { name: 'Override …' })).toBeDisabled()
  await expect(page.getByText('This needs the role operator; anna is viewer.')).toBeVisible()
  await expect(part(page, 'Verdicts').getByRole('row')).toHaveCount(5)
  await expectAccessible(page)
})

test('a policy is tried on the past: what it would have blocked, and what became of that', async ({
  page,
  serve,
  allowConsole
}) => {
  allowConsole(/400 \(Bad Request\)/)
  await serve()
  await page.goto('/services/shop-api/gate/backtest')
  await page.getByRole('button', { name: 'Replay' }).click()
  await expect(page.getByRole('heading', { name: 'Would have blocked 2 of 14 releases.' })).toBeVisible()
  const bad = page.getByRole('listitem').filter({ hasText: '2026.10.13' })
  await expect(bad).toContainText(/Blocked by error budget left, no alert that pages.*it was reverted/s)
  await bad.locator('summary').first().click()
  await expect(bad).toContainText('The budget of availability is overspent by 34 %')
  await expectAccessible(page)
  await page.getByRole('textbox', { name: /Policy to try/ }).fill('minimumBudgett: 20%')
  await page.getByRole('button', { name: 'Replay' }).click()
  await expect(page.getByRole('alert')).toContainText(
    /The policy has errors.*minimumBudgett.*Would have worked: minimumBudget\./s
  )
  await page.getByRole('textbox', { name: /Policy to try/ }).fill('rules: [unclosed')
  await page.getByRole('button', { name: 'Replay' }).click()
  await expect(page.getByRole('alert')).toContainText(/cannot be read.*line 1/s)
  await page.getByRole('textbox', { name: /Policy to try/ }).fill('')
  await page.getByRole('button', { name: 'Begin with an example' }).click()
  await page.getByRole('button', { name: 'Replay' }).click()
  await expect(page.getByRole('heading', { name: 'Would have blocked 5 of 14 releases.' })).toBeVisible()
})

test('a verdict that is not there is not on the chart', async ({ page, serve, allowConsole }) => {
  allowConsole(/Failed to load resource/)
  await serve()
  await page.goto('/verdicts/nothing')
  await expect(page.getByRole('heading', { name: 'This is not on the chart' })).toBeVisible()
})

test.describe('on a phone in the dark', () => {
  test.use({ colorScheme: 'dark', viewport: { width: 360, height: 740 } })
  test('verdict, gate and backtest fit and are accessible', async ({ page, serve }) => {
    await serve()
    for (const [address, words] of [
      ['/verdicts/v-fail', 'Error budget left'],
      ['/services/shop-api/gate', 'The budget was spent'],
      ['/services/shop-api/gate/backtest', 'Replay']
    ] as const) {
      await page.goto(address)
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
      await expect(page.getByText(words).first()).toBeVisible()
      await expectNoSidewaysScroll(page)
      await expectAccessible(page)
    }
  })
})
