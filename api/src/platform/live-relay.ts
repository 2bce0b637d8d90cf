import fp from 'fastify-plugin'
import type { LiveEvents } from '../contract/index.ts'
import { JournalReader, JournalWriter, pruneJournal } from './database/journal.ts'
import { messageOf } from './errors.ts'
import type { LiveEventName } from './live.ts'

const kind = 'live'

/** What is told while nothing can be heard is looked for this often, ms. */
const lookMs = 5_000

const pruneMs = 60_000

/** Shared events that wait while the database does not answer; older ones are dropped, and pages told to read again. */
const maxWaiting = 500

/**
 * Carries what one instance shares on its live stream to the readers of all others: through the
 * journal, so that it survives a database that restarts and is as long as it likes; a notification
 * says only that there is something. Where there is but one instance it does nothing.
 */
export const liveRelayPlugin = fp(
  async (app) => {
    const { database, live, lease, notices, clock, log } = app
    if (!database.line) return
    const writer = new JournalWriter(kind, lease.holder)
    const reader = new JournalReader(kind, lease.holder)
    let waiting: string[] = []
    let writing: Promise<void> | null = null
    let reading: Promise<void> | null = null
    let looksAgain = false

    const write = async (): Promise<void> => {
      while (waiting.length > 0) {
        const some = waiting.slice(0, 50)
        await writer.append(database.db, some)
        waiting = waiting.slice(some.length)
      }
    }
    const tell = (): void => {
      writing ??= write()
        .catch((error: unknown) => log.debug({ reason: messageOf(error) }, 'shared events wait for the store'))
        .finally(() => (writing = null))
    }
    live.onShared = (name, data) => {
      waiting = [...waiting, JSON.stringify({ name, data })].slice(-maxWaiting)
      tell()
    }

    const read = async (): Promise<void> => {
      do {
        looksAgain = false
        const { bodies, isWhole } = await reader.read(database.db)
        if (!isWhole) live.reset('this instance was cut off for a while')
        for (const body of bodies) {
          const { name, data } = JSON.parse(body) as { name: LiveEventName; data: LiveEvents[LiveEventName] }
          await live.receive(name, data)
        }
      } while (looksAgain)
    }
    const look = (): void => {
      looksAgain = true
      reading ??= read()
        .catch((error: unknown) =>
          log.debug({ reason: messageOf(error) }, 'shared events of others wait for the store')
        )
        .finally(() => (reading = null))
    }

    const stops = [
      notices.on(kind, look),
      clock.every(lookMs, () => {
        look()
        tell()
      }),
      clock.every(pruneMs, () => {
        if (!lease.isLeader) return
        lease
          .act(pruneJournal)
          .catch((error: unknown) => log.warn({ reason: messageOf(error) }, 'the journal waits for the store'))
      })
    ]
    app.addHook('onReady', async () => {
      look()
      await reading
    })
    app.addHook('onClose', async () => {
      for (const stop of stops) stop()
      await writing
      await reading
    })
  },
  { name: 'live-relay', dependencies: ['ground', 'lease', 'notices'] }
)
