import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { importRun } from '../../../api/src/load/import/foreign.rules.ts'
import { readForeign } from '../../../api/src/load/import/read.rules.ts'
import { command } from '../cli/command.ts'
import { runLines } from '../cli/load-lines.rules.ts'
import { promisedBy, promiseOptions } from '../cli/load-options.ts'
import { ownVersion } from '../cli/own-checkout.ts'
import { stateTones, stateWords } from '../cli/verdict.rules.ts'
import { deliver } from '../push/deliver.ts'
import { deliveryLines } from '../push/push.ts'
import { Spool, spoolFolder } from '../push/spool.ts'

export const loadImport = command({
  noun: 'load',
  verb: 'import',
  summary: 'let Plimsoll keep a run of k6, vegeta, oha or autocannon',
  operands: [{ name: 'FILE', description: 'the JSON that the tool wrote' }],
  options: {
    service: { type: 'string', value: 'NAME', description: 'the service of the plan that was loaded', required: true },
    release: { type: 'string', value: 'NAME', description: 'the release that ran there' },
    target: { type: 'string', value: 'URL', description: 'what was loaded (the name of the file)' },
    ...promiseOptions
  },
  examples: [
    'plimsoll load import k6.json --service shop --release 1.4.2',
    'plimsoll load import vegeta.json --service shop --target https://shop.staging.example/items'
  ],
  exits: { 0: 'Plimsoll keeps it', 2: 'the file was not understood, or the run waits for Plimsoll to come back' },
  async run({ operands, options: given }, { env, server, output, signal }) {
    const file = operands[0]!
    const promised = promisedBy(given)
    const text = await readFile(file, 'utf8')
    const { service, release = null, target = basename(file) } = given
    const run = importRun(readForeign(text), {
      promised,
      // a file without times was written when its run ended
      readAtMs: (await stat(file)).mtimeMs,
      identity: {
        // the same file again is the same run
        id: createHash('sha256')
          .update(JSON.stringify([service, release, text]))
          .digest('hex')
          .slice(0, 32),
        service,
        release,
        target,
        machine: null,
        version: ownVersion,
        commit: null
      }
    })
    const spool = new Spool(spoolFolder(env))
    const kept = await spool.keep({ server: server.url, service, kind: 'run', document: run })
    const deliveries = await deliver([kept], { spool, tokenOf: () => server.token, signal })
    output.result({ run, deliveries }, [
      ...runLines(run),
      output.tone(stateTones[run.state], stateWords[run.state]),
      ...deliveryLines(deliveries)
    ])
    return deliveries.every(({ state }) => state === 'stored') ? 0 : 2
  }
})
