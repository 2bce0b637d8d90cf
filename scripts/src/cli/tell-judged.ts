import { writeFile } from 'node:fs/promises'
import type { State } from '../../../api/src/contract/primitives.ts'
import type { ExitCode } from './command.ts'
import type { Output } from './output.ts'
import { exitOf, stateTones, stateWords } from './verdict.rules.ts'

/**
 * Tells a document that ends in a verdict: as the result, or into a file, and the lines for people beside it.
 *
 * @returns the exit code that stands for the verdict
 */
export async function tellJudged(
  document: { readonly state: State },
  lines: readonly string[],
  file: string | undefined,
  output: Output
): Promise<ExitCode> {
  const { state } = document
  const all = [...lines, output.tone(stateTones[state], stateWords[state])]
  if (file === undefined) output.result(document, all)
  else {
    await writeFile(file, `${JSON.stringify(document, null, 2)}\n`)
    for (const line of all) output.note(line)
  }
  return exitOf([state])
}
