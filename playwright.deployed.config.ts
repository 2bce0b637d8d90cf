import { defineConfig } from '@playwright/test'
import local from './playwright.config.ts'

const { webServer: _server, globalTeardown: _teardown, ...shared } = local

/** The same browser, before a Plimsoll that runs somewhere: nothing is started, nothing is written. */
export default defineConfig({
  ...shared,
  testDir: 'web/e2e-deployed',
  retries: 1, // the network between is no part of the test
  use: { ...shared.use, baseURL: process.env['URL'] ?? '', ignoreHTTPSErrors: process.env['INSECURE'] === '1' }
})
