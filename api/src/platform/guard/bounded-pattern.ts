import { createContext, Script } from 'node:vm'

/** A sane expression needs a few ms for a megabyte. */
const timeoutMs = 100

export class PatternTooSlow extends Error {
  readonly code = 'PLIMSOLL_PATTERN_TOO_SLOW'
}

const context = createContext({ pattern: '', text: '', flags: '' }, { codeGeneration: { strings: false, wasm: false } })
const script = new Script('new RegExp(pattern, flags).test(text)')

/**
 * Whether an expression from outside matches a text from outside, within bounds: one that
 * backtracks without end is cut off, and the process goes on.
 *
 * @param flags - of the expression
 * @throws PatternTooSlow after 100 ms; SyntaxError for what is no expression
 */
export function patternMatches(pattern: string, flags: string, text: string): boolean {
  Object.assign(context, { pattern, flags, text })
  try {
    return script.runInContext(context, { timeout: timeoutMs }) === true
  } catch (error) {
    // errors of that context are none of our classes
    const { code, message } = error as { code?: string; message: string }
    if (code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw new SyntaxError(message, { cause: error })
    throw new PatternTooSlow(`the expression ${pattern} took more than ${timeoutMs} ms`, { cause: error })
  } finally {
    Object.assign(context, { pattern: '', text: '' })
  }
}
