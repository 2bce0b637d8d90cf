import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { command } from '../cli/command.ts'

export const version = command({
  noun: 'version',
  verb: null,
  summary: 'the version of this checkout and of the Node it runs on',
  options: {},
  examples: ['plimsoll version --json'],
  async run(_, { output }) {
    const file = join(import.meta.dirname, '../../../package.json')
    const { version: plimsoll } = JSON.parse(await readFile(file, 'utf8')) as { version: string }
    const node = process.versions.node
    output.result({ plimsoll, node }, [`plimsoll ${plimsoll} (Node ${node})`])
    return 0
  }
})
