import { pino } from 'pino'
import { systemClock } from '../clock.ts'
import { withoutSecrets } from '../redact.rules.ts'
import { readEnvironment, type Settings } from '../settings.ts'
import { usesVault } from './uses-vault.rules.ts'

/**
 * Does one thing with the settings of the server on this machine, for commands that open its store.
 * What comes from Vault is there meanwhile, and given back afterwards.
 *
 * @param environment - variables by name
 * @param warn - told in one line of what one has to wait for
 * @throws PLIMSOLL_SETTINGS_INVALID, PLIMSOLL_VAULT_…
 */
export async function borrowSettings<Result>(
  environment: Readonly<Record<string, string | undefined>>,
  warn: (line: string) => void,
  use: (settings: Settings) => Promise<Result>
): Promise<Result> {
  const known = readEnvironment(environment)
  const bare = await known.bare()
  if (!usesVault(bare)) return use(bare)
  const write = (line: string): void => {
    const { msg, reason } = JSON.parse(line) as { msg: string; reason?: string }
    warn(reason === undefined ? msg : `${msg}: ${reason}`)
  }
  const log = pino({ level: 'warn', formatters: { log: withoutSecrets } }, { write })
  const { openVault } = await import('./vault.ts')
  const vault = await openVault(bare, { clock: systemClock, random: Math.random, log, resolve: known.settings })
  try {
    return await use(vault.secrets.settings)
  } finally {
    await vault.close()
  }
}
