import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The top of the checkout these commands belong to. */
export const ownCheckout = join(import.meta.dirname, '../../..')

/** The version of this checkout. */
export const ownVersion = (JSON.parse(readFileSync(join(ownCheckout, 'package.json'), 'utf8')) as { version: string })
  .version
