import AxeBuilder from '@axe-core/playwright'
import { expect, test as base, type Page } from '@playwright/test'
import { startFixtureServer, type FixtureOptions, type FixtureServer } from './server.ts'

interface Fixtures {
  /** A fixture server and a page that uses it as its base. */
  readonly serve: (options?: FixtureOptions) => Promise<FixtureServer>
  /** What may be said on the console in this test, beside nothing. */
  readonly allowConsole: (pattern: RegExp) => void
  /** Patterns allowed on the console, and what was found against them. */
  readonly watch: RegExp[]
}

/**
 * Every test fails on an error of the console, a report of the content security policy, an uncaught
 * error and a request to anywhere but the server under test.
 */
export const test = base.extend<Fixtures>({
  serve: async ({ page }, use) => {
    const servers: FixtureServer[] = []
    await use(async (options) => {
      const server = await startFixtureServer(options)
      servers.push(server)
      // Relative addresses of the test lead to the fixture server.
      const goto = page.goto.bind(page)
      page.goto = (address, given) => goto(new URL(address, server.origin).href, given)
      return server
    })
    await Promise.all(servers.map((server) => server.close()))
  },
  allowConsole: async ({ watch }, use) => {
    await use((pattern) => void watch.push(pattern))
  },
  watch: [
    async ({ page }, use) => {
      const complaints: string[] = []
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
      })
      page.on('pageerror', (error) => complaints.push(error.message))
      page.on('request', (request) => {
        const { protocol, hostname } = new URL(request.url())
        if (protocol.startsWith('http') && hostname !== '127.0.0.1') complaints.push(`request to ${request.url()}`)
      })
      await page.addInitScript(() => {
        addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sample }) =>
          console.error(`policy: ${violatedDirective} ${blockedURI} ${sample}`)
        )
      })
      const allowed: RegExp[] = []
      await use(allowed)
      expect(complaints.filter((text) => !allowed.some((pattern) => pattern.test(text)))).toEqual([])
    },
    { auto: true }
  ]
})

export { expect }

/** No violation of WCAG 2.2 AA on what is shown. */
export const expectAccessible = async (page: Page): Promise<void> => {
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'])
    .analyze()
  expect(
    violations.map(({ id, nodes }) => ({
      id,
      nodes: nodes.map(({ target, failureSummary }) => `${target.join(' ')} ${failureSummary}`)
    }))
  ).toEqual([])
}

/** Nothing makes the page wider than its window. */
export const expectNoSidewaysScroll = async (page: Page): Promise<void> => {
  const excess = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  expect(excess).toBeLessThanOrEqual(0)
}
