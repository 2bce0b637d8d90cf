import { expect, test } from '@playwright/test'

/** A Plimsoll that people use: looked at, never written to. Its edge, its page and its API have to fit each other. */
const { URL: site = '', PLIMSOLL_TOKEN: token } = process.env
if (!URL.canParse(site)) throw new Error('say where it runs: make e2e-deployed URL=https://plimsoll.example')
const headers = token ? { authorization: `Bearer ${token}` } : {}

test.use({ extraHTTPHeaders: headers })

test('it lives, is ready and says which release it is', async ({ request }) => {
  const health = await request.get('/healthz')
  expect(health.status()).toBe(200)
  expect(await health.json()).toMatchObject({ status: 'ok' })
  expect(health.headers()['x-release']).toBeTruthy()
  expect((await request.get('/readyz')).status()).toBe(200)
})

test('each security header is sent once', async ({ request }) => {
  for (const path of ['/', '/healthz']) {
    const reply = await request.get(path, { headers: { accept: 'text/html' } })
    const names = reply.headersArray().map(({ name }) => name.toLowerCase())
    for (const name of ['content-security-policy', 'x-content-type-options', 'referrer-policy']) {
      expect(
        names.filter((one) => one === name),
        `${path}: ${name}`
      ).toHaveLength(1)
    }
  }
})

for (const path of ['/', '/alerts', '/plan']) {
  test(`${path} opens without an error`, async ({ page }) => {
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text())
    })
    page.on('response', (response) => {
      if (response.status() >= 500) complaints.push(`${response.status()} ${response.url()}`)
    })
    await page.goto(path)
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
    expect(complaints).toEqual([])
  })
}

test('events come while the page is open', async ({ page }) => {
  const stream = page.waitForResponse((response) => response.url().includes('/api/v1/live'))
  await page.goto('/')
  expect((await stream).headers()['content-type']).toContain('text/event-stream')
})
