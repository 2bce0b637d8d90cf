// The API with --watch and the web's dev server, side by side: whoever ends, ends both.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')

const start = (cwd: string, program: string, ...args: string[]): ChildProcess =>
  spawn(program, args, { cwd: join(root, cwd), stdio: ['ignore', 'inherit', 'inherit'] })

const children = [
  start('.', 'node', '--watch', '--watch-preserve-output', 'api/src/main.ts'),
  start('web', 'vite', 'dev', '--clearScreen', 'false')
]
const ends = children.map((child) => once(child, 'close'))

const stop = () => {
  for (const child of children) child.kill('SIGTERM')
}
process.on('SIGTERM', stop)
// Ctrl-C reaches the children from the terminal; this process only waits for them
process.on('SIGINT', () => undefined)

await Promise.race(ends).catch((error: Error) => {
  console.error(`could not start: ${error.message}`)
  process.exitCode = 1
})
stop()
await Promise.allSettled(ends)
