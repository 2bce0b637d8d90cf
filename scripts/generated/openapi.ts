import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { apiDocument } from '../../api/src/platform/http/docs.ts'

/** `api/openapi.json`: the document the server gives at `/openapi.json`, for the version of this checkout. */
export async function openApi(): Promise<string> {
  const file = join(import.meta.dirname, '../../package.json')
  const { version } = JSON.parse(await readFile(file, 'utf8')) as { version: string }
  return `${JSON.stringify(apiDocument(version), null, 2)}\n`
}
