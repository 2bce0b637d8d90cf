import type { Page } from '@playwright/test'
import { expect, expectAccessible, expectNoSidewaysScroll, test } from './support/test.ts'

const part = (page: Page, name: string) => page.getByRole('region', { name, exact: true })
const dialog = (page: Page) => page.getByRole('dialog')

test('open releases stand on top, each with its state, verdict and cost', async ({ page, serve }) => {
  await serve()
  await page.goto('/releases')
  const open = part(page, 'Under way').getByRole('article')
  await expect(open).toHaveCount(7)
  const one = (name: string) => open.filter({ hasText: name })
  await expect(one('shop-api')).toContainText(
    /2026\.11\.4.*to production.*Canary, being judged.*May ship.*seen in Nomad/s
  )
  await expect(one('shop-api')).toContainText('availability 0.4')
  await expect(one('checkout')).toContainText(/Canary, on hold.*May ship, with a warning/s)
  await expect(one('payments-webhook')).toContainText('could not be measured')
  await expect(one('mailer')).toContainText('to staging')
  await expect(one('reports')).toContainText(/Announced.*not asked.*announced through the API/s)
  const ended = part(page, 'Ended')
  await expect(ended.getByRole('article').first()).toContainText(/catalog.*Promoted/s)
  await expect(ended.getByRole('article').filter({ hasText: 'Reverted' })).toHaveCount(1)
  await expectAccessible(page)
})

test('older releases are one page further, and lists are narrowed in the address', async ({ page, serve }) => {
  await serve()
  await page.goto('/releases')
  await part(page, 'Ended').getByRole('link', { name: 'Older' }).click()
  await expect(page).toHaveURL(/before=50/)
  await expect(page.getByRole('link', { name: 'Older' })).toHaveCount(0)
  await expect(part(page, 'Under way').getByRole('article')).toHaveCount(7)
  await page.getByLabel('Service').selectOption('catalog')
  await expect(page).toHaveURL(/service=catalog/)
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Releases of catalog')
  await expect(page.getByText('No release is under way here.')).toBeVisible()
  await expect(part(page, 'Ended').getByRole('article').filter({ hasNotText: 'catalog' })).toHaveCount(0)
  await page.getByLabel('Service').selectOption('All')
  await page.getByLabel('Environment').selectOption('staging')
  await expect(part(page, 'Under way').getByRole('article')).toHaveCount(1)
})

test('without any release the page teaches what makes one known', async ({ page, serve }) => {
  await serve({ scenes: [] })
  await page.goto('/releases')
  await expect(page.getByRole('heading', { name: 'No release is known yet' })).toBeVisible()
  for (const text of ['make deploy ENV=production', 'nomad: { job: shop-api }', '/api/v1/releases'])
    await expect(page.getByText(text)).toBeVisible()
  await expectAccessible(page)
})

const standings: readonly { id: string; words: string[]; ended?: boolean; axe?: boolean }[] = [
  { id: 'r-running', words: ['Not decided yet', 'About 2,300 more clean requests, 6 min at this traffic'], axe: true },
  { id: 'r-hold', words: ['On hold', 'Both arms fail: not the release', 'It goes on by itself'] },
  {
    id: 'r-thin',
    words: ['A person must decide', '0 failures in 812 requests prove less', 'The deadline came before']
  },
  {
    id: 'r-none',
    words: ['It cannot be judged', 'No request of the canary in the log', 'neither success nor failure']
  },
  { id: 'r-observe', words: ['12.4.0 is worse', 'it still gets traffic until you fail it', 'observes only here'] },
  { id: 'r-warn', words: ['A person must decide', 'it keeps the promise, and is worse'] },
  { id: 'r-pass', words: ['5.0.1 serves everybody', 'failures below 0.09 %'], ended: true },
  {
    id: 'r-fail',
    words: [
      'Stopped, and taken back',
      '4.2× those of the version before',
      '2026.11.1 serves again',
      'availability 6.2'
    ],
    ended: true,
    axe: true
  },
  { id: 'r-superseded', words: ['Another release took its place', '2.2.1 came while it was a canary'], ended: true },
  { id: 'r-announced', words: ['Announced, and not seen yet', 'It begins with its first request'], axe: true }
]
for (const [kind, ended] of [
  ['under way', false],
  ['ended', true]
] as const) {
  test(`every release that is ${kind} says where it stands and why`, async ({ page, serve }) => {
    await serve()
    for (const { id, words, axe = false } of standings.filter((each) => (each.ended ?? false) === ended)) {
      await page.goto(`/releases/${id}`)
      for (const text of words) await expect(page.getByRole('main'), id).toContainText(new RegExp(escaped(text), 'i'))
      for (const name of ['Promote …', 'Fail …', 'Hold …'])
        await expect(page.getByRole('button', { name }), id).toHaveCount(ended ? 0 : 1)
      if (axe) await expectAccessible(page)
    }
  })
}
const escaped = (text: string): string =>
  text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll(' ', String.raw`\s`)

test('the two arms stand side by side, and the evidence is read by keyboard', async ({ page, serve }) => {
  await serve()
  await page.goto('/releases/r-observe')
  await expect(page.getByRole('row', { name: /^Failed/ })).toContainText(/2\.\d+.%.*0.%/)
  await expect(page.getByRole('columnheader', { name: /Canary 12\.4\.0/ })).toBeVisible()
  await expect(page.getByRole('columnheader', { name: /Before 12\.3\.9/ })).toBeVisible()
  const compared = part(page, 'What is compared')
  await expect(compared.getByRole('row', { name: /^Failures/ })).toContainText(/4\.2×.*2\.1× to 9\.4×.*enough/)
  await expect(page.getByText('enough to fail it')).toBeVisible()
  await expect(page.getByText('enough to promote it')).toBeVisible()
  const evidence = page.getByRole('slider', { name: /^Evidence/ })
  await evidence.focus()
  await page.keyboard.press('End')
  await expect(evidence).toHaveAttribute(
    'aria-valuetext',
    /that it is worse enough: 1 in [\d,]+ by luck, that it is no worse none/
  )
  await page.keyboard.press('+')
  await expect(page).toHaveURL(/from=/)
  await page.getByRole('button', { name: 'Show the whole analysis' }).click()
  await expect(page).not.toHaveURL(/from=/)
})

test('what was done says who, why and what then was seen; what happened stands newest first', async ({
  page,
  serve
}) => {
  await serve()
  await page.goto('/releases/r-superseded')
  await expect(part(page, 'What was done')).toContainText(
    /Promote, overtaken · by ben.*Looks good to me\..*Then A newer version of the job had taken its place/s
  )
  await page.goto('/releases/r-fail')
  await expect(part(page, 'What happened').getByRole('listitem').first()).toContainText(
    /Reverted.*2026\.11\.1 serves again/
  )
  await expect(part(page, 'Overrides')).toContainText(/Error budget left.*By anna.*changed 1 verdict/s)
})

test('a release is failed by hand with a reason, by keyboard, and the page shows what came of it', async ({
  page,
  serve
}) => {
  await serve()
  await page.goto('/releases/r-observe')
  await page.getByRole('button', { name: 'Fail …' }).focus()
  await page.keyboard.press('Enter')
  await expect(dialog(page)).toContainText(
    '12.4.0 is stopped in Nomad: with auto_revert 12.3.9 serves everybody again.'
  )
  await expectAccessible(page)
  await page.keyboard.press('Escape')
  await expect(dialog(page)).toHaveCount(0)
  await expect(page.getByRole('button', { name: 'Fail …' })).toBeFocused()
  await page.keyboard.press('Enter')
  await dialog(page).getByLabel('Reason').fill('checkout calls it, customers see it')
  await dialog(page).getByRole('button', { name: 'Fail', exact: true }).click()
  await expect(page.getByRole('heading', { name: 'Stopped, and taken back' })).toBeVisible()
  await expect(part(page, 'What was done')).toContainText('Checkout calls it, customers see it')
  await expect(page.getByRole('button', { name: 'Fail …' })).toHaveCount(0)
})

test('a hold by a person is told as one', async ({ page, serve }) => {
  await serve()
  await page.goto('/releases/r-running')
  await page.getByRole('button', { name: 'Hold …' }).click()
  await dialog(page).getByLabel('Reason').fill('ok')
  await dialog(page).getByRole('button', { name: 'Hold', exact: true }).click()
  await expect(dialog(page)).toBeVisible()
  await dialog(page).getByLabel('Reason').fill('waiting for the campaign to end')
  await dialog(page).getByRole('button', { name: 'Hold', exact: true }).click()
  await expect(page.getByRole('heading', { name: 'Held by anna' })).toBeVisible()
  await expect(page.getByText('It is held: Plimsoll does nothing to it until you do.')).toBeVisible()
})

test('a refusal of the API stays in the dialog, and nothing is lost', async ({ page, serve, allowConsole }) => {
  allowConsole(/503 \(Service Unavailable\)/)
  await serve()
  await page.goto('/releases/r-hold')
  await page.getByRole('button', { name: 'Promote …' }).click()
  await dialog(page).getByLabel('Reason').fill('both arms are well again')
  await dialog(page).getByRole('button', { name: 'Promote', exact: true }).click()
  await expect(dialog(page).getByRole('alert')).toContainText(/Another instance acts.*PLIMSOLL_NOT_THE_LEADER/s)
  await expect(dialog(page).getByLabel('Reason')).toHaveValue('both arms are well again')
})

test('who may not decide is told why, and may with a token', async ({ page, serve, allowConsole }) => {
  allowConsole(/401 \(Unauthorized\)/)
  await serve({ role: 'viewer', guarded: true })
  await page.goto('/releases/r-running')
  for (const name of ['Promote …', 'Fail …', 'Hold …']) await expect(page.getByRole('button', { name })).toBeDisabled()
  await expect(page.getByText('This needs the role operator; anna is viewer.').first()).toBeVisible()
  await expectAccessible(page)
  await page.getByLabel('API token').first().fill('secret')
  await page.getByRole('button', { name: 'Use it' }).first().click()
  await page.getByRole('button', { name: 'Promote …' }).click()
  await dialog(page).getByLabel('Reason').fill('enough evidence for us')
  await dialog(page).getByRole('button', { name: 'Promote', exact: true }).click()
  await expect(page.getByRole('heading', { name: '2026.11.4 serves everybody' })).toBeVisible()
})

test('a release that is not there is not on the chart, and a server that fails says so', async ({
  page,
  serve,
  allowConsole
}) => {
  allowConsole(/Failed to load resource/)
  await serve()
  await page.goto('/releases/nothing')
  await expect(page.getByRole('heading', { name: 'This is not on the chart' })).toBeVisible()
  await page.route('**/api/v1/releases?**', (route) => route.fulfill({ status: 502, body: 'bad gateway' }))
  await page.goto('/releases')
  await expect(part(page, 'Under way').getByRole('alert')).toContainText('The server answered 502')
  await page.unroute('**/api/v1/releases?**')
  await part(page, 'Under way').getByRole('button', { name: 'Try again' }).click()
  await expect(part(page, 'Under way').getByRole('article')).toHaveCount(7)
})

test('a release moves on every page that shows it', async ({ page, serve }) => {
  const server = await serve()
  await page.goto('/releases')
  await expect(part(page, 'Under way').getByRole('article')).toHaveCount(7)
  const read = page.waitForRequest((request) => request.url().includes('/api/v1/releases?open=true'))
  server.send('release', {
    id: 'r-running',
    service: 'shop-api',
    version: '2026.11.4',
    environment: 'production',
    state: 'promoting'
  })
  await read
})

test('marks of releases lead from the charts to the release, also before its first request', async ({
  page,
  serve
}) => {
  await serve()
  await page.goto('/services/checkout')
  await page
    .getByRole('list', { name: 'Releases' })
    .getByRole('link', { name: /2026\.11\.3/ })
    .click()
  await expect(page).toHaveURL(/\/releases\/r-hold$/)
  await page.goto('/services/search-api')
  await page
    .getByRole('list', { name: 'Releases' })
    .getByRole('link', { name: /12\.4\.0 to production, canary/ })
    .click()
  await expect(page).toHaveURL(/\/releases\/r-observe$/)
  await page.getByRole('link', { name: 'Charts of that time' }).click()
  await expect(page).toHaveURL(/\/services\/search-api\?from=/)
})

test.describe('on a phone in the dark', () => {
  test.use({ colorScheme: 'dark', viewport: { width: 360, height: 740 } })
  test('list and release fit and are accessible', async ({ page, serve }) => {
    await serve()
    for (const address of ['/releases', '/releases/r-observe']) {
      await page.goto(address)
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
      await expect(page.getByRole('heading', { name: /search-api/ })).toBeVisible()
      await expectNoSidewaysScroll(page)
      await expectAccessible(page)
    }
  })
})
