// Writes the headers of the built page as a Caddyfile snippet: node scripts/edge/page-headers.ts WEB_ROOT FILE
// The page's policy names its inline scripts by their hashes, so the snippet belongs to one build.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildApp } from '../../api/src/app.ts'
import { systemClock } from '../../api/src/platform/clock.ts'
import { openDatabase } from '../../api/src/platform/database/open.ts'
import { loadSettings } from '../../api/src/platform/settings.ts'
import { version } from '../../api/src/platform/version.ts'
import { headerSnippet } from './snippet.rules.ts'

const [WEB_ROOT = '', file = 'page-headers.caddy'] = process.argv.slice(2)
const dir = mkdtempSync(join(tmpdir(), 'plimsoll-headers-'))
const settings = await loadSettings(
  { WEB_ROOT, LOG_LEVEL: 'silent', DATA_DIR: dir, PLAN_FILE: join(dir, 'none') },
  null
)
const database = await openDatabase(':memory:', { nowMs: systemClock.nowMs() })
const app = await buildApp({
  settings,
  clock: systemClock,
  database,
  instance: { id: 'headers', version, startedMs: systemClock.nowMs() }
})
// asked of the API itself, so that the page has the same headers wherever it comes from
const { statusCode, headers } = await app.inject({ url: '/', headers: { accept: 'text/html' } })
await app.close()
await database.close()
rmSync(dir, { recursive: true })
if (statusCode !== 200) throw new Error(`there is no build in ${settings.WEB_ROOT}: make build`)
writeFileSync(file, headerSnippet(headers))
