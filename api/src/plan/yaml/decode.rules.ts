import { positionIn, type Position, type SyntaxFault } from './position.ts'

export const maxTextBytes = 1_048_576
const maxOpenBrackets = 100
/** Lines each indented more than the one before: the parser's work grows faster than their number. */
const maxIndents = 100

/** A parser would need seconds for this: forty levels on one line. */
const nestedOnOneLine = /(?:[-?:!&][ \t]+){40}/

export type Decoded =
  { readonly text: string; readonly fault?: never } | { readonly fault: SyntaxFault; readonly text?: never }

/**
 * Bytes to text that is worth parsing.
 *
 * @param input - bytes are read as UTF-8; a byte order mark is dropped
 */
export function decode(input: string | Uint8Array): Decoded {
  const size = typeof input === 'string' ? Buffer.byteLength(input) : input.byteLength
  if (size > maxTextBytes)
    return refuse({ line: 1, column: 1 }, 'the plan is too large', `${size} bytes`, `at most ${maxTextBytes} bytes`)
  const text = (typeof input === 'string' ? input : new TextDecoder().decode(input)).replace(/^\uFEFF/, '')
  if (typeof input !== 'string' && !isUtf8(input)) {
    const wide = (input[0] === 0xff && input[1] === 0xfe) || (input[0] === 0xfe && input[1] === 0xff)
    const at = wide ? { line: 1, column: 1 } : positionIn(text, Math.max(0, text.indexOf('\uFFFD')))
    return refuse(at, 'the plan is not UTF-8', wide ? 'UTF-16' : 'another encoding', 'the file saved as UTF-8')
  }
  const control = indexOfControl(text)
  if (control !== -1) {
    const code = text.charCodeAt(control).toString(16).toUpperCase().padStart(4, '0')
    return refuse(positionIn(text, control), 'the plan holds a control character', `U+${code}`, 'text without it')
  }
  const nested = indexOfDeepNesting(text)
  if (nested !== -1)
    return refuse(positionIn(text, nested), 'this is nested too deeply', 'forty levels or more', 'a flatter document')
  return { text }
}

const refuse = (at: Position, text: string, found: string, expected: string): Decoded => ({
  fault: { ...at, text, found, expected }
})

function isUtf8(bytes: Uint8Array): boolean {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes) !== null
  } catch {
    return false
  }
}

/** Tabs and line ends are the only control characters of a text file. */
function indexOfControl(text: string): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if ((code < 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) || code === 0x7f) return i
  }
  return -1
}

function indexOfDeepNesting(text: string): number {
  let open = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x5b || code === 0x7b) open++
    else if ((code === 0x5d || code === 0x7d) && open > 0) open--
    if (open > maxOpenBrackets) return i
  }
  const indented = indexOfDeepIndentation(text)
  return indented === -1 ? text.search(nestedOnOneLine) : indented
}

function indexOfDeepIndentation(text: string): number {
  const indents: number[] = []
  for (const { index, groups } of text.matchAll(/^(?<indent>[ \t]*)[^\s#]/gm)) {
    const indent = groups?.['indent']?.length ?? 0
    while ((indents.at(-1) ?? -1) >= indent) indents.pop()
    indents.push(indent)
    if (indents.length > maxIndents) return index
  }
  return -1
}
