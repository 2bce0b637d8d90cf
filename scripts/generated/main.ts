// Writes the files that are made from code, or with --check says which of them are out of date.
// Usage: node scripts/generated/main.ts [--check] [env|openapi|schema...]
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { envExample } from './env-example.ts'
import { openApi } from './openapi.ts'
import { planSchema } from './plan-schema.ts'

const root = join(import.meta.dirname, '../..')
const files = [
  { name: 'env', path: '.env.example', make: envExample },
  { name: 'openapi', path: 'api/openapi.json', make: openApi },
  { name: 'schema', path: 'plan.schema.json', make: planSchema }
] as const

const args = process.argv.slice(2)
const check = args.includes('--check')
const names = args.filter((arg) => arg !== '--check')
const unknown = names.filter((name) => !files.some((file) => file.name === name))
if (unknown.length > 0) {
  console.error(`unknown ${unknown.join(', ')}; there is ${files.map((file) => file.name).join(', ')}`)
  process.exit(64)
}

for (const { name, path, make } of files.filter((file) => names.length === 0 || names.includes(file.name))) {
  const wanted = await make()
  const there = await readFile(join(root, path), 'utf8').catch(() => null)
  if (there === wanted) {
    console.log(`${path} is up to date`)
  } else if (check) {
    console.error(`${path} is out of date: make ${name}`)
    process.exitCode = 1
  } else {
    await writeFile(join(root, path), wanted)
    console.log(`${path} written`)
  }
}
