import type { Client } from '../../../api/src/contract/client.ts'
import type { Output } from './output.ts'

/** 0 yes, 1 no, 2 could not say, 3 a person has the next word, 64 wrong usage. */
export type ExitCode = 0 | 1 | 2 | 3 | 64

export interface OptionSpec {
  readonly type: 'string' | 'boolean'
  readonly description: string
  /** What stands after the option in help: `--service NAME`. */
  readonly value?: string
  readonly required?: true
}

export interface OperandSpec {
  /** Upper case, as in help: `FILE`. */
  readonly name: string
  readonly description: string
  readonly optional?: true
  readonly many?: true
}

export type Options = Readonly<Record<string, OptionSpec>>

/** What the options of a command come to: booleans are always there, strings only when given or required. */
export type OptionValues<O extends Options> = {
  readonly [K in keyof O]: O[K]['type'] extends 'boolean'
    ? boolean
    : O[K] extends { readonly required: true }
      ? string
      : string | undefined
}

/** What a command may touch. Everything comes in here so that a test can hand in its own. */
export interface Context {
  readonly call: Client
  /** Where `call` goes, and with what. */
  readonly server: { readonly url: string; readonly token: string | undefined }
  readonly output: Output
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
  /** Whether a Plimsoll was named (--url, PLIMSOLL_URL); otherwise `call` tries this machine's. */
  readonly serverNamed: boolean
}

export interface Command<O extends Options = Options> {
  readonly noun: string
  /** Null when the noun stands alone: `plimsoll status`. */
  readonly verb: string | null
  readonly summary: string
  readonly operands?: readonly OperandSpec[]
  readonly options: O
  readonly examples: readonly string[]
  /** What the exit codes say of this command, where the general meaning is not enough. */
  readonly exits?: Readonly<Partial<Record<ExitCode, string>>>
  run(input: { operands: readonly string[]; options: OptionValues<O> }, context: Context): Promise<ExitCode>
}

/** Types the options inside `run` by the table beside it. */
export const command = <const O extends Options>(definition: Command<O>): Command<O> => definition

/** `plan check`, `status`. */
export const titleOf = (c: Pick<Command, 'noun' | 'verb'>): string => (c.verb === null ? c.noun : `${c.noun} ${c.verb}`)

/** Options every command understands. */
export const globalOptions = {
  help: { type: 'boolean', description: 'show this help' },
  json: { type: 'boolean', description: 'print one JSON document for programs' },
  url: {
    type: 'string',
    value: 'URL',
    description: 'where Plimsoll answers (PLIMSOLL_URL, else http://127.0.0.1:3000)'
  },
  token: {
    type: 'string',
    value: 'TOKEN',
    description: 'access token (better in PLIMSOLL_TOKEN: arguments are seen by others)'
  }
} as const satisfies Options
