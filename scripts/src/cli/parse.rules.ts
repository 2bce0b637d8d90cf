import { parseArgs } from 'node:util'
import { didYouMean } from '../../../api/src/plan/suggest.rules.ts'
import { globalOptions, titleOf, type Command, type Options } from './command.ts'
import { wrongUsage } from './failure.ts'

/** What a command line asks for. */
export type Asked =
  | { kind: 'help'; noun: string | null; command: Command | null; values: Values }
  | { kind: 'run'; command: Command; operands: readonly string[]; values: Values }

export type Values = Readonly<Record<string, string | boolean | undefined>>

/**
 * Reads `NOUN VERB OPERAND… --option value`, options anywhere, `--` ends them.
 * @throws Failure (exit 64) that names the mistake and the nearest thing that exists
 */
export function parse(args: readonly string[], commands: readonly Command[]): Asked {
  const everyOption = Object.assign({}, ...commands.map((c) => c.options), globalOptions) as Options
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(Object.entries(everyOption).map(([name, o]) => [name, shape(name, o.type)])),
    strict: false,
    tokens: true
  })
  const words = tokens.filter((t) => t.kind === 'positional').map((t) => t.value)
  const given = tokens.filter((t) => t.kind === 'option')
  const helpAsked = given.some((t) => t.name === 'help') || words[0] === 'help'
  const path = words[0] === 'help' ? words.slice(1) : words
  const found = lookUp(path, commands)

  if (helpAsked || found.command === null) {
    if (!helpAsked && found.noun !== null) {
      throw wrongUsage(`${found.noun} needs a verb: ${verbsOf(found.noun, commands).join(', ')}`, help(found.noun))
    }
    return { kind: 'help', noun: found.noun, command: found.command, values: {} }
  }
  const values = readOptions(given, found.command)
  checkOperands(found.rest, found.command)
  return { kind: 'run', command: found.command, operands: found.rest, values }
}

const shape = (name: string, type: 'string' | 'boolean') => (name === 'help' ? { type, short: 'h' } : { type })

const verbsOf = (noun: string, commands: readonly Command[]) =>
  commands.filter((c) => c.noun === noun && c.verb !== null).map((c) => String(c.verb))

const help = (title: string) => `plimsoll ${title} --help`

type Found = { noun: string | null; command: Command | null; rest: readonly string[] }

function lookUp(words: readonly string[], commands: readonly Command[]): Found {
  const [noun, verb] = words
  if (noun === undefined) return { noun: null, command: null, rest: [] }
  const nouns = [...new Set(commands.map((c) => c.noun))]
  if (!nouns.includes(noun)) {
    throw wrongUsage(`there is no ${noun}`, suggest(noun, nouns, (n) => `plimsoll ${n}`) ?? 'plimsoll --help')
  }
  const alone = commands.find((c) => c.noun === noun && c.verb === null)
  if (alone) return { noun, command: alone, rest: words.slice(1) }
  if (verb === undefined) return { noun, command: null, rest: [] }
  const exact = commands.find((c) => c.noun === noun && c.verb === verb)
  if (exact) return { noun, command: exact, rest: words.slice(2) }
  const verbs = verbsOf(noun, commands)
  const hint = suggest(verb, verbs, (v) => `plimsoll ${noun} ${v}`) ?? help(noun)
  throw wrongUsage(`${noun} cannot ${verb}; it can ${verbs.join(', ')}`, hint)
}

const suggest = (word: string, known: readonly string[], write: (known: string) => string): string | undefined => {
  const close = didYouMean(word, known)
  return close === null ? undefined : `did you mean: ${write(close)}`
}

type OptionToken = { name: string; rawName: string; value?: string | undefined; inlineValue?: boolean | undefined }

function readOptions(given: readonly OptionToken[], command: Command): Values {
  const known: Options = { ...globalOptions, ...command.options }
  const values: Record<string, string | boolean> = {}
  for (const [name, option] of Object.entries(known)) if (option.type === 'boolean') values[name] = false
  for (const { name, rawName, value } of given) {
    const option = Object.hasOwn(known, name) ? known[name] : undefined
    if (!option) {
      const hint = suggest(name, Object.keys(known), (n) => `--${n}`) ?? help(titleOf(command))
      throw wrongUsage(`${titleOf(command)} has no option ${rawName}`, hint)
    }
    if (option.type === 'boolean') {
      if (value !== undefined) throw wrongUsage(`--${name} takes no value`, `write --${name} alone`)
      values[name] = true
    } else {
      if (value === undefined || value === '') {
        throw wrongUsage(`--${name} needs a value`, `--${name} ${option.value ?? 'VALUE'}`)
      }
      values[name] = value
    }
  }
  for (const [name, option] of Object.entries(known)) {
    if (option.required && values[name] === undefined) {
      throw wrongUsage(
        `${titleOf(command)} needs --${name} ${option.value ?? 'VALUE'}: ${option.description}`,
        help(titleOf(command))
      )
    }
  }
  return values
}

function checkOperands(operands: readonly string[], command: Command): void {
  const specs = command.operands ?? []
  const missing = specs.find((spec, i) => !spec.optional && operands[i] === undefined)
  if (missing) {
    throw wrongUsage(`${titleOf(command)} needs ${missing.name}: ${missing.description}`, help(titleOf(command)))
  }
  const most = specs.at(-1)?.many ? Infinity : specs.length
  const extra = operands[most]
  if (extra !== undefined) {
    throw wrongUsage(`${titleOf(command)} does not know what to do with ${extra}`, help(titleOf(command)))
  }
}
