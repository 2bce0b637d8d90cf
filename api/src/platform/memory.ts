import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

type CollectGarbage = (options: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void

/**
 * Gives back to the system what the start has used and no longer needs. Loading a few hundred
 * modules and reading the history leave V8 with a young generation of 64 MB and as much garbage,
 * which it would keep for as long as the server has little to do: a third of its memory. Everything
 * waits for about 0.1 s, so call it once, before there is traffic if possible.
 */
export function returnStartMemory(): void {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as CollectGarbage
  setFlagsFromString('--no-expose-gc')
  collectGarbage({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}
