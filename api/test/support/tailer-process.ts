// A process that follows a log into a store until it is killed: node tailer-process.ts LOG STORE
import { openDatabase } from '../../src/platform/database/open.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { FileTailer } from '../../src/signals/caddy-log/tailer.job.ts'
import { createSliceStore } from '../../src/signals/store.ts'
import { aLoggedService } from './access-log.ts'

const [file = '', path = ''] = process.argv.slice(2)
const database = await openDatabase(`sqlite:${path}`)
const store = createSliceStore({ db: database.db, clock: systemClock })
const tailer = new FileTailer({
  services: [aLoggedService()],
  classKeys: [],
  source: 'caddyLog:access',
  writer: 'caddyLog:access@test',
  file,
  startAt: 'beginning',
  store,
  db: database.db,
  clock: systemClock,
  pollIntervalMs: 3,
  flushIntervalMs: 7,
  rotationGraceMs: 20
})
tailer.start()
await tailer.poll()
process.stdout.write('reading\n')

/** Tells how far it is, each time it is asked; ends when it is told to. */
process.stdin.on('data', (asked) => {
  if (asked.toString().includes('end')) {
    void tailer
      .close()
      .then(() => database.close())
      .then(() => process.exit(0))
    return
  }
  const { behindBytes, counts, lastError } = tailer.status('shop')
  process.stdout.write(`${JSON.stringify({ behindBytes, counted: counts.counted, error: lastError?.text })}\n`)
})
setInterval(() => {}, 1_000) // the clock's timers alone keep no process alive
