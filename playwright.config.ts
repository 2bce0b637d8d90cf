import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineConfig, devices } from '@playwright/test'

// Every worker reads this file again: what is chosen once travels in the environment.
const port = (process.env['E2E_PORT'] ??= freePort())
const dataDir = (process.env['E2E_DATA_DIR'] ??= mkdtempSync(join(tmpdir(), 'plimsoll-e2e-')))
const baseURL = `http://127.0.0.1:${port}`
const chromium = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  (path) => path && existsSync(path)
)

export default defineConfig({
  testDir: 'web/e2e',
  outputDir: '.e2e',
  globalTeardown: './web/e2e/teardown.ts',
  forbidOnly: Boolean(process.env['CI']),
  workers: 1,
  retries: 0,
  reporter: [['list']],
  use: {
    ...devices['Desktop Chrome'],
    baseURL,
    screenshot: 'only-on-failure',
    launchOptions: {
      ...(chromium ? { executablePath: chromium } : {}),
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync'
      ]
    }
  },
  webServer: {
    command: 'node api/src/main.ts',
    url: `${baseURL}/healthz`,
    env: { HOST: '127.0.0.1', PORT: port, DATA_DIR: dataDir, PLAN_FILE: 'web/e2e/plan.yaml', LOG_LEVEL: 'warn' },
    stdout: 'ignore',
    stderr: 'pipe',
    reuseExistingServer: false,
    gracefulShutdown: { signal: 'SIGTERM', timeout: 5_000 }
  }
})

/** A port nobody listens on now, found by a child because this file must answer without waiting. */
function freePort(): string {
  const script = `const s = require('node:net').createServer().listen(0, '127.0.0.1', () => {
    console.log(s.address().port); s.close() })`
  return execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }).trim()
}
