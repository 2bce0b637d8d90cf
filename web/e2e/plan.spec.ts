import { expect, expectAccessible, test } from './support/test.ts'

test('promises, milestones, risks and the file are parts of one plan', async ({ page, serve }) => {
  await serve()
  await page.goto('/plan')
  await expect(page.getByText('Revision 12')).toBeVisible()
  await expect(page.getByRole('row', { name: /Checkout.*Availability/ })).toContainText('99.9')
  await expectAccessible(page)
  const parts = page.getByRole('navigation', { name: 'Parts of the plan' })
  await parts.getByRole('link', { name: 'Risks' }).click()
  await expect(page).toHaveURL(/view=risks/)
  const high = page.getByRole('row', { name: /high impact/ })
  await expect(high.getByRole('cell').last()).toHaveText('R-03')
  await expect(page.getByText('Nothing is planned against it.')).toBeVisible()
  await expectAccessible(page)
  await parts.getByRole('link', { name: 'Milestones' }).click()
  await expect(page.getByRole('article', { name: /Integration/ })).toContainText('expired')
  await expectAccessible(page)
  await parts.getByRole('link', { name: 'File' }).click()
  await expect(page.getByRole('region', { name: 'Plan, YAML' })).toContainText('plan: plimsoll/v1')
  await expectAccessible(page)
})

test('checks run on the spot and their evidence is new', async ({ page, serve }) => {
  await serve()
  await page.goto('/plan?view=milestones')
  const milestone = page.getByRole('article', { name: /Integration/ })
  await expect(milestone).toContainText('checked 40')
  await milestone.getByRole('button', { name: 'Run checks' }).click()
  await expect(milestone).not.toContainText('checked 40')
})

test('a refused file is shown with its faults; the plan in force stays', async ({ page, serve }) => {
  await serve({ refused: true })
  await page.goto('/plan')
  const refused = page.getByRole('alert')
  await expect(refused).toContainText('A newer plan was refused')
  await expect(refused).toContainText('line 15, column 62')
  await expect(refused).toContainText('did you mean "host"?')
  await expect(page.getByText('Revision 12')).toBeVisible()
  await expectAccessible(page)
})

test('an edit is looked at before it is applied, and what it costs is said', async ({ page, serve }) => {
  await serve()
  await page.goto('/plan?view=file')
  await page.getByRole('button', { name: 'Edit' }).click()
  const text = page.getByRole('textbox', { name: 'Plan, YAML' })
  await expect(text).toBeFocused()
  const apply = page.getByRole('button', { name: 'Apply' })
  await expect(apply).toBeDisabled()
  await text.fill((await text.inputValue()).replace('99.9%', '99.95%'))
  await page.getByRole('button', { name: 'Show what it would change' }).click()
  await expect(page.getByText('Opens revision 3')).toBeVisible()
  await expectAccessible(page)
  await text.press('End')
  await text.pressSequentially(' ')
  await expect(apply).toBeDisabled()
  await page.getByRole('button', { name: 'Show what it would change' }).click()
  await apply.click()
  await expect(page.getByText('Revision 13 is in force.')).toBeVisible()
  await expect(page.getByText('Revision 13, from ui')).toBeVisible()
})

test('faults are marked at their lines, and picking one goes there', async ({ page, serve }) => {
  await serve()
  await page.goto('/plan?view=file')
  await page.getByRole('button', { name: 'Edit' }).click()
  const text = page.getByRole('textbox', { name: 'Plan, YAML' })
  await text.fill((await text.inputValue()).replace('99.9%', '100%'))
  await page.getByRole('button', { name: 'Show what it would change' }).click()
  await expect(page.getByText('It cannot be applied yet')).toBeVisible()
  await expect(page.getByRole('button', { name: 'Apply' })).toBeDisabled()
  await page.getByRole('button', { name: 'line 9, column 31' }).click()
  const at = await text.evaluate(
    (field: HTMLTextAreaElement) => field.value.slice(0, field.selectionStart).split('\n').length
  )
  expect(at).toBe(9)
})

test('an edit that somebody else overtook is refused, and nothing is lost', async ({ page, serve, allowConsole }) => {
  allowConsole(/Failed to load resource/)
  const server = await serve()
  await page.goto('/plan?view=file')
  await page.getByRole('button', { name: 'Edit' }).click()
  const text = page.getByRole('textbox', { name: 'Plan, YAML' })
  const mine = (await text.inputValue()).replace('99.9%', '99.95%')
  await text.fill(mine)
  const put = await fetch(`${server.origin}/api/v1/plan`, {
    method: 'PUT',
    headers: { 'if-match': '"hash-12"' },
    body: 'plan: plimsoll/v1\n'
  })
  expect(put.status).toBe(200)
  await expect(page.getByText('Another plan came into force while you were editing.')).toBeVisible()
  await page.getByRole('button', { name: 'Show what it would change' }).click()
  await page.getByRole('button', { name: 'Apply' }).click()
  await expect(page.getByText('The plan has changed', { exact: true })).toBeVisible()
  await expect(text).toHaveValue(mine)
})

test('where writing needs a token, it is asked for', async ({ page, serve, allowConsole }) => {
  allowConsole(/Failed to load resource/)
  await serve({ guarded: true })
  await page.goto('/plan?view=file')
  await page.getByRole('button', { name: 'Edit' }).click()
  const text = page.getByRole('textbox', { name: 'Plan, YAML' })
  await text.fill((await text.inputValue()).replace('99.9%', '99.95%'))
  await page.getByRole('button', { name: 'Show what it would change' }).click()
  await page.getByRole('button', { name: 'Apply', exact: true }).click()
  await expect(page.getByText('A token is needed')).toBeVisible()
  await expectAccessible(page)
  await page.getByLabel('API token').fill('secret')
  await page.getByRole('button', { name: 'Apply with it' }).click()
  await expect(page.getByText('Revision 13 is in force.')).toBeVisible()
})

test('the plan is exported as given, resolved and as OpenSLO', async ({ page, serve }) => {
  await serve()
  await page.goto('/plan?view=file')
  const download = page.waitForEvent('download')
  await page.getByRole('link', { name: 'as given' }).click()
  expect((await download).suggestedFilename()).toBe('plan.yaml')
})

test('an empty plan says what could stand in it', async ({ page, serve }) => {
  await serve({ scenes: [] })
  for (const [view, words] of [
    ['promises', 'The plan names no service.'],
    ['milestones', 'The plan names no milestone.'],
    ['risks', 'The plan names no risk.']
  ]) {
    await page.goto(`/plan?view=${view}`)
    await expect(page.getByText(words ?? '')).toBeVisible()
  }
})
