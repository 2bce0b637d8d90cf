import type { Page } from '@playwright/test'
import { expect, expectAccessible, test } from './support/test.ts'

/** Presses Tab until the focus is where it should be; fails when it never comes there. */
const tabTo = async (page: Page, text: string): Promise<void> => {
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press('Tab')
    const focused = await page.evaluate(
      () => document.activeElement?.textContent?.replaceAll('\u00a0', ' ').trim() ?? ''
    )
    if (focused.startsWith(text)) return
  }
  throw new Error(`the focus never came to "${text}"`)
}

test('from the overview to a reason, a service, a chart and an alert without a mouse', async ({ page, serve }) => {
  await serve()
  await page.goto('/')
  await expect(page.getByRole('article').first()).toBeVisible()
  await page.keyboard.press('Tab')
  await expect(page.getByRole('link', { name: 'Skip to the content' })).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(page.getByRole('main')).toBeFocused()
  await tabTo(page, '−34.0')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('dialog')).toContainText('Formula')
  await page.keyboard.press('Escape')
  await page.keyboard.press('Shift+Tab')
  await page.keyboard.press('Shift+Tab')
  await expect(page.getByRole('link', { name: 'Checkout', exact: true })).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Checkout')
  const traffic = page.getByRole('slider', { name: /^Traffic/ })
  await expect(traffic).toBeVisible()
  await tabTo(page, '6h')
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(/range=6h/)
  await traffic.focus()
  await page.keyboard.press('ArrowLeft')
  await expect(traffic).toHaveAttribute('aria-valuetext', /requests \d/)
  await page.getByRole('link', { name: /Availability burns/ }).focus()
  await page.keyboard.press('Enter')
  await expect(page.getByRole('heading', { name: 'Numbers that fired' })).toBeVisible()
})

test.describe('in the dark', () => {
  test.use({ colorScheme: 'dark' })
  test('alerts and plan are accessible as well', async ({ page, serve }) => {
    await serve({ refused: true })
    for (const [address, words] of [
      ['/alerts', 'Nothing heard of'],
      ['/alerts/a-1', 'Numbers that fired'],
      ['/plan', 'Image resizer'],
      ['/plan?view=risks', 'Nothing is planned'],
      ['/plan?view=milestones', 'expired'],
      ['/plan?view=file', 'Worth a look']
    ] as const) {
      await page.goto(address)
      await expect(page.getByText(words).first()).toBeVisible()
      await expectAccessible(page)
    }
  })
})
