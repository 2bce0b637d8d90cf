import { inspect } from 'node:util'
import { createClient } from '../../api/src/contract/client.ts'
import type { Command, Context, ExitCode } from './cli/command.ts'
import { asFailure, type Failure } from './cli/failure.ts'
import { helpText } from './cli/help.rules.ts'
import { createOutput } from './cli/output.ts'
import { parse } from './cli/parse.rules.ts'

export interface World {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdout: Parameters<typeof createOutput>[0]
  readonly stderr: Parameters<typeof createOutput>[0]
  readonly signal: AbortSignal
}

/** One command line, from words to exit code. Nothing is thrown. */
export async function run(args: readonly string[], commands: readonly Command[], world: World): Promise<ExitCode> {
  const plain = createOutput(world.stdout, world.stderr, args.includes('--json'))
  let url = ''
  try {
    const asked = parse(args[0] === '--version' ? ['version', ...args.slice(1)] : args, commands)
    if (asked.kind === 'help') {
      world.stdout.write(`${helpText(commands, asked.noun, asked.command)}\n`)
      return 0
    }
    const text = (name: string) => (typeof asked.values[name] === 'string' ? asked.values[name] : undefined)
    // set to nothing, as CI does with a variable nobody gave, is not set
    const named = text('url') ?? (world.env['PLIMSOLL_URL'] || undefined)
    url = (named ?? 'http://127.0.0.1:3000').replace(/\/+$/, '')
    const token = text('token') ?? world.env['PLIMSOLL_TOKEN']
    const context: Context = {
      call: createClient({ baseUrl: url, ...(token && { token }) }),
      server: { url, token },
      output: plain,
      env: world.env,
      signal: world.signal,
      serverNamed: Boolean(named)
    }
    return await asked.command.run({ operands: asked.operands, options: asked.values as never }, context)
  } catch (error) {
    return tell(error, asFailure(error, url))
  }

  function tell(error: unknown, failure: Failure): ExitCode {
    plain.failure(failure)
    if (world.env['DEBUG'] === 'plimsoll') plain.note(inspect(error))
    return failure.exit
  }
}
