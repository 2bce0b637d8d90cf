import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { command } from '../cli/command.ts'
import { runLines } from '../cli/load-lines.rules.ts'
import { pinnedFile } from '../perf/compare/pinned.ts'
import { asReference, runIn } from '../perf/compare/reference.rules.ts'

export const perfPin = command({
  noun: 'perf',
  verb: 'pin',
  summary: 'make a run that passed the one that later versions are compared with on this machine',
  operands: [{ name: 'FILE', description: 'what perf gate or load run wrote with --json' }],
  options: {
    to: { type: 'string', value: 'FILE', description: 'keep it there instead, for perf compare --reference FILE' }
  },
  examples: ['plimsoll perf pin .perf/gate.json', 'plimsoll perf pin run.json --to release-1.4.json'],
  exits: { 0: 'it is pinned', 2: 'a run that failed, or was ended early, is no reference' },
  async run({ operands, options: given }, { output }) {
    const file = operands[0]!
    const { run } = asReference(runIn(await readFile(file, 'utf8'), file))
    const to = given.to ?? pinnedFile
    await mkdir(dirname(to), { recursive: true })
    await writeFile(to, `${JSON.stringify(run, null, 2)}\n`)
    output.result({ pinned: run.id, file: to }, [...runLines(run), `pinned in ${to}`])
    return 0
  }
})
