import { globalOptions, titleOf, type Command, type ExitCode, type Options } from './command.ts'
import { columns } from './table.rules.ts'

const meanings: Readonly<Partial<Record<ExitCode, string>>> = {
  0: 'yes',
  1: 'no',
  2: 'could not say',
  64: 'wrong usage'
}

/** Help for everything, for one noun, or for one command. */
export function helpText(commands: readonly Command[], noun: string | null, command: Command | null): string {
  if (command) return commandHelp(command)
  const shown = commands.filter((c) => noun === null || c.noun === noun)
  return blocks([
    noun === null
      ? 'plimsoll: whether your services keep their promise, and why.'
      : `plimsoll ${noun}: ${shown.map((c) => c.verb).join(', ')}`,
    `Usage: plimsoll ${noun ?? 'NOUN'} VERB [OPERAND…] [--option value]`,
    titled('Commands', columns(shown.map((c) => [`  ${titleOf(c)}${operandsOf(c)}`, c.summary]))),
    titled('Options', optionLines(globalOptions)),
    titled('Exit codes', exitLines(meanings)),
    titled(
      'Examples',
      shown.flatMap((c) => c.examples.slice(0, 1)).map((e) => `  ${e}`)
    ),
    `plimsoll ${noun ?? 'NOUN'} VERB --help says more.`
  ])
}

function commandHelp(command: Command): string {
  return blocks([
    `plimsoll ${titleOf(command)}: ${command.summary}.`,
    `Usage: plimsoll ${titleOf(command)}${operandsOf(command)}${requiredOf(command.options)} [--option value]`,
    titled('Operands', columns((command.operands ?? []).map((o) => [`  ${o.name}`, o.description]))),
    titled('Options', optionLines({ ...command.options, ...globalOptions })),
    titled('Exit codes', exitLines({ ...meanings, ...command.exits })),
    titled(
      'Examples',
      command.examples.map((e) => `  ${e}`)
    )
  ])
}

const blocks = (parts: readonly string[]): string => parts.filter((p) => p !== '').join('\n\n')

const titled = (title: string, lines: readonly string[]): string =>
  lines.length === 0 ? '' : `${title}\n${lines.join('\n')}`

const operandsOf = (command: Command): string =>
  (command.operands ?? [])
    .map((o) => `${o.name}${o.many ? '…' : ''}`)
    .map((name, i) => (command.operands?.[i]?.optional ? ` [${name}]` : ` ${name}`))
    .join('')

const requiredOf = (options: Options): string =>
  Object.entries(options)
    .filter(([, o]) => o.required)
    .map(([name, o]) => ` --${name} ${o.value ?? 'VALUE'}`)
    .join('')

const optionLines = (options: Options): readonly string[] =>
  columns(
    Object.entries(options).map(([name, o]) => [
      `  ${name === 'help' ? '-h, ' : ''}--${name}${o.type === 'string' ? ` ${o.value ?? 'VALUE'}` : ''}`,
      o.description
    ])
  )

const exitLines = (exits: Readonly<Partial<Record<number, string>>>): readonly string[] =>
  columns(Object.entries(exits).map(([code, meaning]) => [`  ${code}`, meaning ?? '']))
