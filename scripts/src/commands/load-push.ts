import { command } from '../cli/command.ts'
import { deliver } from '../push/deliver.ts'
import { deliveryLines } from '../push/push.ts'
import { Spool, spoolFolder } from '../push/spool.ts'

export const loadPush = command({
  noun: 'load',
  verb: 'push',
  summary: 'send the results that wait because their Plimsoll was down',
  options: {},
  examples: ['plimsoll load push', 'PLIMSOLL_URL=https://plimsoll.example plimsoll load push'],
  exits: { 0: 'nothing waits any more', 2: 'something still waits, or was refused' },
  async run(_, { env, server, output, signal }) {
    const spool = new Spool(spoolFolder(env))
    const { kept, unread } = await spool.waiting()
    const tokenOf = (url: string): string | undefined => (url === server.url ? server.token : undefined)
    const deliveries = await deliver(kept, { spool, tokenOf, signal })
    const lines = [
      ...deliveryLines(deliveries),
      ...unread.map((file) => `${file} is no result of a load test, and is left as it is`)
    ]
    output.result({ spool: spool.folder, deliveries, unread }, lines.length === 0 ? ['nothing waits'] : lines)
    return deliveries.every(({ state }) => state === 'stored') ? 0 : 2
  }
})
