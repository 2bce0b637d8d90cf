import { createPublicKey } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { isSignedBy, publicKeyOf } from '../../../api/src/platform/signing/public-key.rules.ts'
import { openEnvelope, type Statement } from '../../../api/src/release/gate/envelope.rules.ts'
import { command, type Context, type OptionValues } from '../cli/command.ts'
import { Failure, wrongUsage } from '../cli/failure.ts'

const options = {
  key: {
    type: 'string',
    value: 'FILE',
    description: 'public key (PEM); without it the server named by --url is asked'
  },
  service: { type: 'string', value: 'NAME', description: 'what it has to be about' },
  version: { type: 'string', value: 'V', description: 'what it has to be about' },
  env: { type: 'string', value: 'E', description: 'what it has to be about' },
  'may-ship': { type: 'boolean', description: 'it has to say that the version may ship' }
} as const

export const verify = command({
  noun: 'verify',
  verb: null,
  summary: 'check a signed verdict, without a server when the key is at hand',
  operands: [{ name: 'FILE', description: 'a DSSE envelope, as plimsoll gate --envelope writes it' }],
  options,
  examples: [
    'plimsoll verify verdict.json --key plimsoll.pem',
    'plimsoll verify verdict.json --key plimsoll.pem --service shop-api --version 2.4.1 --env production --may-ship'
  ],
  exits: { 0: 'it is genuine, and says what was asked for', 1: 'it is not', 2: 'it could not be read' },
  async run({ operands: [file = ''], options: given }, context) {
    const envelope = await readJson(file)
    const pem = given.key === undefined ? await keyOfServer(context) : await readFile(given.key, 'utf8')
    const key = publicKeyOf(readKey(pem))
    const opened = openEnvelope(envelope, (keyId, bytes, signature) =>
      keyId === key.keyId ? isSignedBy(key.pem, bytes, signature) : null
    )
    const { output } = context
    const faults = opened.ok ? mismatches(opened.statement, given) : [opened.why]
    const verdict = opened.ok ? opened.statement.predicate : null
    const lines = verdict
      ? [
          `signed by ${key.keyId}`,
          `${verdict.at}: ${verdict.text}`,
          ...verdict.rules.map(({ title, state, text }) => `  ${title}: ${state}, ${text}`)
        ]
      : []
    const said =
      faults.length === 0
        ? output.tone('good', 'genuine')
        : output.tone('bad', `not what was asked for: ${faults.join('; ')}`)
    output.result({ valid: faults.length === 0, faults, keyId: opened.ok ? key.keyId : null, verdict }, [
      said,
      ...lines
    ])
    return faults.length === 0 ? 0 : 1
  }
})

const mismatches = ({ predicate }: Statement, given: OptionValues<typeof options>): string[] => {
  const wanted = { service: given.service, version: given.version, environment: given.env }
  return [
    ...(['service', 'version', 'environment'] as const).flatMap((name) =>
      wanted[name] === undefined || wanted[name] === predicate[name]
        ? []
        : [`it is about ${name} ${predicate[name]}, not ${wanted[name]}`]
    ),
    ...(given['may-ship'] && !predicate.mayShip ? [`it says ${predicate.state}`] : [])
  ]
}

const readJson = async (file: string): Promise<unknown> => {
  const text = await readFile(file, 'utf8')
  try {
    return JSON.parse(text)
  } catch {
    throw new Failure('PLIMSOLL_NOT_JSON', `${file} is not JSON`, { hint: 'plimsoll gate --envelope FILE writes one' })
  }
}

const readKey = (pem: string) => {
  try {
    return createPublicKey(pem)
  } catch {
    throw new Failure('PLIMSOLL_KEY_UNREADABLE', 'the key is no public key in PEM', {
      hint: 'GET /api/v1/signing-key gives it'
    })
  }
}

const keyOfServer = async ({ call, serverNamed, signal }: Context): Promise<string> => {
  if (!serverNamed) throw wrongUsage('verify needs a key', '--key FILE, or --url of the Plimsoll that signed')
  return (await call('GET /api/v1/signing-key', { signal })).publicKeyPem
}
