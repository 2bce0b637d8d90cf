import { Composer, Lexer, LineCounter, Parser, type Document, type ErrorCode } from 'yaml'
import type { Position, SyntaxFault } from './position.ts'

/** Two thousand services with five lines each have 400,000; a megabyte made of nothing but signs has more than this. */
const maxTokens = 700_000
const maxErrors = 50

export interface Composed {
  /** At least one, unless there are faults. */
  readonly documents: readonly Document.Parsed[]
  readonly faults: readonly SyntaxFault[]
  readonly positionAt: (offset: number) => Position
}

interface Complaint {
  readonly offset: number
  readonly code: ErrorCode
  readonly message: string
}

/** Text to YAML nodes, or to every fault of syntax; the work is bounded by tokens and by errors. */
export function compose(text: string): Composed {
  const lines = new LineCounter()
  lines.addNewLine(0)
  const positionAt = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line, column: col }
  }
  const complaints: Complaint[] = []
  try {
    const composer = new Composer({ stringKeys: true, uniqueKeys: false, logLevel: 'silent', prettyErrors: false })
    stopAfterErrors(composer, complaints)
    const documents = [...composer.compose(tokens(text, lines), true, text.length)] as Document.Parsed[]
    const faults = documents.flatMap((document) => [...complaintsOf(document), ...versionComplaint(document)])
    return { documents, positionAt, faults: faults.map((complaint) => faultOf(complaint, positionAt)) }
  } catch (error) {
    if (error instanceof TooLong) {
      const at = positionAt(error.offset)
      return {
        documents: [],
        positionAt,
        faults: [{ ...at, text: 'the plan is too long', expected: `at most ${maxTokens} words and signs` }]
      }
    }
    if (!(error instanceof TooManyErrors)) throw error
    return { documents: [], positionAt, faults: complaints.map((complaint) => faultOf(complaint, positionAt)) }
  }
}

class TooLong extends Error {
  readonly offset: number

  constructor(offset: number) {
    super('too many tokens')
    this.offset = offset
  }
}

class TooManyErrors extends Error {}

function* tokens(text: string, lines: LineCounter) {
  const parser = new Parser(lines.addNewLine)
  let count = 0
  let offset = 0
  for (const lexeme of new Lexer().lex(text)) {
    if (++count > maxTokens) throw new TooLong(offset)
    if (lexeme.charCodeAt(0) >= 0x20 || /^\s/.test(lexeme)) offset += lexeme.length // the others are the lexer's own marks
    yield* parser.next(lexeme)
  }
  yield* parser.end()
}

/**
 * Ends composing after the first {@link maxErrors} errors: a megabyte of them would take half a
 * minute. The callback is no declared part of yaml; a test shows that the bound holds.
 */
function stopAfterErrors(composer: Composer, complaints: Complaint[]): void {
  const report = Reflect.get(composer, 'onError') as (...details: unknown[]) => void
  Reflect.set(composer, 'onError', (source: ErrorSource, code: ErrorCode, message: string, isWarning?: boolean) => {
    report(source, code, message, isWarning)
    complaints.push({ offset: offsetOf(source), code, message })
    if (complaints.length >= maxErrors) throw new TooManyErrors()
  })
}

type ErrorSource = number | readonly [number, number] | { readonly offset: number }

const offsetOf = (source: ErrorSource): number => {
  if (typeof source === 'number') return source
  return 'offset' in source ? source.offset : source[0]
}

/** A tag that nothing resolves is only a warning to yaml; here a document of unknown types is refused. */
const complaintsOf = (document: Document.Parsed): Complaint[] =>
  [...document.errors, ...document.warnings].map(({ pos, code, message }) => ({ offset: pos[0], code, message }))

/** `%YAML 1.1` would make `yes` true and `010` eight. */
function versionComplaint(document: Document.Parsed): Complaint[] {
  const { explicit, version } = document.directives.yaml
  if (explicit !== true || version === '1.2') return []
  return [{ offset: 0, code: 'BAD_DIRECTIVE', message: `YAML ${version} is not read here` }]
}

const faultOf = ({ offset, code, message }: Complaint, positionAt: (offset: number) => Position): SyntaxFault => {
  const unclosed = /end with a ([\]}])$/.exec(message)?.[1]
  if (unclosed !== undefined)
    return {
      ...positionAt(offset),
      text: 'what is in brackets ends here, without a bracket',
      expected: `\`${unclosed}\` before it`
    }
  return {
    ...positionAt(offset),
    text: texts[code] ?? message.replace(/^[A-Z](?=[a-z ])/, (first) => first.toLowerCase()),
    ...(remedies[code] !== undefined && { expected: remedies[code] })
  }
}

const texts: Partial<Record<ErrorCode, string>> = {
  TAB_AS_INDENT: 'a tab is used for indentation',
  NON_STRING_KEY: 'this key is not text'
}

const remedies: Partial<Record<ErrorCode, string>> = {
  BAD_ALIAS: 'the name of an anchor, or the text in quotes',
  BAD_DIRECTIVE: 'YAML 1.2, without directives',
  BAD_DQ_ESCAPE: 'an escape that YAML knows, or the text in single quotes',
  BAD_INDENT: 'entries of one mapping or list in the same column',
  BAD_SCALAR_START: 'the text in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'the text in quotes when it holds ": ", or the next key on a line of its own',
  MISSING_CHAR: 'the character that ends what was opened',
  MULTILINE_IMPLICIT_KEY: 'a space after the colon, and each key on a line of its own',
  NON_STRING_KEY: 'the key in quotes',
  TAB_AS_INDENT: 'spaces',
  TAG_RESOLVE_FAILED: 'values without tags'
}
