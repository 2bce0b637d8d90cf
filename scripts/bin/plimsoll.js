#!/usr/bin/env node
// Starts the command on a Node that runs TypeScript: this one when it can, else the one npm installed with the checkout.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major > 24 || (major === 24 && minor >= 12)) {
  await import('../src/main.ts')
} else {
  const node = join(import.meta.dirname, '../../node_modules/.bin/node')
  if (existsSync(node) && process.env['PLIMSOLL_NODE_TRIED'] === undefined) {
    const { status } = spawnSync(node, [import.meta.filename, ...process.argv.slice(2)], {
      stdio: 'inherit',
      env: { ...process.env, PLIMSOLL_NODE_TRIED: '1' }
    })
    process.exitCode = status ?? 2
  } else {
    console.error(
      `plimsoll needs Node 24.12 or later, this is ${process.versions.node}. Run npm ci, or install Node 24.`
    )
    process.exitCode = 2
  }
}
