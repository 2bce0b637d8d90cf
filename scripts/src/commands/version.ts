import { command } from '../cli/command.ts'
import { ownVersion } from '../cli/own-checkout.ts'

export const version = command({
  noun: 'version',
  verb: null,
  summary: 'the version of this checkout and of the Node it runs on',
  options: {},
  examples: ['plimsoll version --json'],
  async run(_, { output }) {
    const node = process.versions.node
    output.result({ plimsoll: ownVersion, node }, [`plimsoll ${ownVersion} (Node ${node})`])
    return 0
  }
})
