import { readDuration } from '../../../api/src/plan/quantities.rules.ts'
import { createNomad, type Nomad } from '../../../api/src/platform/nomad/client.ts'
import { nomadFromEnvironment } from '../../../api/src/platform/nomad/options.ts'
import type { Context } from './command.ts'
import { wrongUsage } from './failure.ts'

/** Options of every command that follows a deployment. */
export const deployOptions = {
  env: { type: 'string', value: 'ENV', required: true, description: 'the environment: nomad/vars/ENV.vars.hcl' },
  timeout: { type: 'string', value: 'TIME', description: 'longest time to follow the deployment (20m)' }
} as const

/** What the exit codes of a deployment mean. */
export const deployExits = {
  0: 'it runs',
  1: 'it failed, was refused, or something else took its place',
  2: 'could not tell: Nomad or the gate did not answer, or the time was over; the same command follows on',
  3: 'its canaries are healthy and wait for a promotion, or somebody paused it'
} as const

export const timeoutOf = (text: string | undefined): number => {
  const ms = readDuration(text ?? '20m')
  if (ms === null || ms <= 0) throw wrongUsage(`--timeout ${String(text)} is no duration`, 'for example --timeout 20m')
  return ms
}

/** A timer that keeps the process alive: the pauses between two questions do not. */
const keepAlive = (): NodeJS.Timeout => setInterval(() => {}, 60_000)

/** Calls `use` with the Nomad of the environment variables, and hangs up afterwards. */
export async function withNomad<T>({ env }: Pick<Context, 'env'>, use: (nomad: Nomad) => Promise<T>): Promise<T> {
  const nomad = createNomad(nomadFromEnvironment(env))
  const alive = keepAlive()
  try {
    return await use(nomad)
  } finally {
    clearInterval(alive)
    await nomad.close()
  }
}
