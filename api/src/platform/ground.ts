import fp from 'fastify-plugin'
import type { Clock } from './clock.ts'
import type { Database } from './database/open.ts'
import { LiveHub } from './live.ts'
import { fixedSecrets, type Secrets } from './secrets.ts'
import type { Settings } from './settings.ts'

export interface Instance {
  /** Who writes: stable for a data directory, so a restart goes on with its own rows. */
  readonly id: string
  readonly version: string
  readonly startedMs: number
}

export interface Ground {
  readonly settings: Settings
  readonly clock: Clock
  readonly database: Database
  readonly instance: Instance
}

export interface GroundOptions extends Ground {
  /** Default: the settings as they are, until the next start. */
  readonly secrets?: Secrets | undefined
}

declare module 'fastify' {
  interface FastifyInstance extends Ground {
    secrets: Secrets
    live: LiveHub
  }
}

/** What every room stands on. The database belongs to whoever opened it. */
export const groundPlugin = fp<GroundOptions>(
  async (app, { settings, clock, database, instance, secrets = fixedSecrets(settings) }) => {
    const live = new LiveHub({ clock, maxClients: settings.LIVE_CLIENTS })
    app.decorate('settings', settings)
    app.decorate('secrets', secrets)
    app.decorate('clock', clock)
    app.decorate('database', database)
    app.decorate('instance', instance)
    app.decorate('live', live)
    app.addHook('preClose', () => live.close()) // an open stream would keep close() waiting
  },
  { name: 'ground' }
)
