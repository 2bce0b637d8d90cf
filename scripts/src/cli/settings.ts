import type { Settings } from '../../../api/src/platform/settings.ts'
import type { Context, ExitCode } from './command.ts'

/** Does something with the settings of the server on this machine, secrets of Vault among them. */
export async function withSettings(
  { env, output }: Pick<Context, 'env' | 'output'>,
  use: (settings: Settings) => Promise<ExitCode>
): Promise<ExitCode> {
  const { borrowSettings } = await import('../../../api/src/platform/vault/borrow.ts')
  return borrowSettings(env, (line) => output.note(line), use)
}
