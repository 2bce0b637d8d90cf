import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { clientId, clientSecret, startOidcProvider } from '../../api/test/support/oidc-provider.ts'
import { startServer } from '../../api/test/support/server.ts'
import { expect, expectAccessible, expectNoSidewaysScroll, test } from './support/test.ts'

test.setTimeout(90_000) // each begins with a server of its own

/** The real server with an identity provider, closed to whoever is not known. */
const startClosed = async () => {
  const provider = await startOidcProvider()
  const dir = mkdtempSync(join(tmpdir(), 'plimsoll-e2e-access-'))
  const port = await freePort()
  const server = startServer(
    {
      PORT: String(port),
      DATA_DIR: dir,
      PLAN_FILE: join(dir, 'plan.yaml'),
      LOG_LEVEL: 'warn',
      PRESSURE_EVENT_LOOP_DELAY_MS: '0', // a machine busy with other tests would shed the page itself
      LOOPBACK_OPEN: 'false',
      PUBLIC_URL: `http://127.0.0.1:${port}`,
      OIDC_ISSUER: provider.issuer,
      OIDC_CLIENT_ID: clientId,
      OIDC_CLIENT_SECRET: clientSecret,
      OIDC_ROLES: 'admin: groups=sre; viewer: groups=all'
    },
    { cwd: dir }
  )
  return {
    provider,
    origin: await server.origin,
    stop: async () => {
      server.child.kill('SIGTERM')
      await server.ended
      await provider.close()
      rmSync(dir, { recursive: true, force: true })
    }
  }
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

test('a person signs in, makes a token that is seen once, finds all of it in the audit log, and leaves', async ({
  page,
  request,
  allowConsole
}) => {
  allowConsole(/401 \(Unauthorized\)/)
  const { provider, origin, stop } = await startClosed()
  try {
    provider.person = { sub: 'alice', email: 'alice@example.com', groups: ['sre'] }
    await page.goto(`${origin}/plan?view=file`)
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Who are you?')
    await expectAccessible(page)
    await page.getByRole('main').getByRole('link', { name: 'Sign in' }).click()

    await expect(page).toHaveURL(`${origin}/plan?view=file`)
    await page.getByRole('link', { name: /alice@example\.com/ }).click()
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Who may do what')
    await page.getByRole('textbox', { name: 'Name' }).fill('ci of shop')
    await page.getByRole('combobox', { name: 'Role' }).selectOption('deployer')
    await page.getByRole('button', { name: 'Make token' }).click()
    const shown = page.getByRole('group', { name: 'Token “ci of shop”' })
    await expect(shown).toHaveText(/^plm_[\w-]{43}$/)
    const token = (await shown.textContent()) ?? ''
    await expectAccessible(page)
    await expectNoSidewaysScroll(page)
    const use = () => request.get(`${origin}/api/v1/me`, { headers: { authorization: `Bearer ${token}` } })
    expect(await (await use()).json()).toMatchObject({ name: 'ci of shop', role: 'deployer' })
    await page.reload()
    await expect(page.getByRole('region', { name: 'List of tokens' })).toContainText('ci of shop')
    await expect(page.locator('body')).not.toContainText(token)

    await page.getByRole('button', { name: 'Revoke ci of shop' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
    await expect(page.getByRole('region', { name: 'List of tokens' })).toContainText('revoked')
    expect((await use()).status()).toBe(401)

    await page.getByRole('link', { name: 'read it' }).click()
    const entries = page.getByRole('region', { name: 'List of entries' })
    await expect(entries.getByRole('row')).toHaveCount(4)
    await expect(entries).toContainText('sign_in')
    await expect(entries).toContainText('POST /api/v1/tokens')
    await expectAccessible(page)
    await expectNoSidewaysScroll(page)

    await page.goto(`${origin}/access`)
    await page.getByRole('button', { name: 'Sign out', exact: true }).click()
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Who are you?')
  } finally {
    await stop()
  }
})

test('what one may not do is disabled, with the reason', async ({ page, allowConsole }) => {
  allowConsole(/401 \(Unauthorized\)/)
  const { provider, origin, stop } = await startClosed()
  try {
    provider.person = { sub: 'bob', name: 'Bob', groups: ['all'] }
    await page.goto(origin)
    await page.getByRole('main').getByRole('link', { name: 'Sign in' }).click()
    await page.goto(`${origin}/access`)
    await expect(page.getByText('Tokens: This needs the role admin; Bob is viewer.')).toBeVisible()
    await page.goto(`${origin}/plan?view=file`)
    await page.getByRole('button', { name: 'Edit' }).click()
    await expect(page.getByRole('button', { name: 'Apply' })).toBeDisabled()
    await expect(page.getByText('Applying: This needs the role operator; Bob is viewer.')).toBeVisible()
    await expectAccessible(page)

    provider.misbehave = { claims: { groups: ['nobody'] } }
    await page.context().clearCookies()
    await page.goto(origin)
    await page.getByRole('main').getByRole('link', { name: 'Sign in' }).click()
    await expect(page.getByRole('alert')).toContainText('no role of Plimsoll is meant for you')
  } finally {
    await stop()
  }
})

test('the page is framed by nobody, sniffs nothing and tells other sites nothing', async ({ page, allowConsole }) => {
  const headers = (await page.goto('/'))?.headers() ?? {}
  expect(headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin'
  })
  const policy = headers['content-security-policy'] ?? ''
  expect(policy).toContain("default-src 'none'")
  expect(policy).toContain("frame-ancestors 'none'")
  // and the browser holds to it: text that somebody brings in does not become a script
  allowConsole(/policy|TrustedScript|unsafe-eval/i)
  const refused = await page.evaluate(() => {
    try {
      document.createElement('script').text = 'globalThis.broughtIn = true'
      return 'nothing'
    } catch (error) {
      return (error as Error).name
    }
  })
  expect(refused).toBe('TypeError')
})
