import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const { version: written } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as {
  version: string
}

/** The version of this program, from api/package.json. */
export const version = written
