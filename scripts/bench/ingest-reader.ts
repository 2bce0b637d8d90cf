// Counts one access log as the follower does, without a store, and says what it cost: node ingest-reader.ts FILE
import { openSync, readSync } from 'node:fs'
import { LogLines } from '../../api/src/signals/caddy-log/log-lines.ts'

const linesATurn = 2_000

const lines = new LogLines({
  services: [
    {
      service: 'shop',
      filters: [],
      releaseHeader: 'X-Release',
      thresholdsMs: [200],
      objectivePaths: ['/api/*'],
      routes: { groups: [], cap: 50 }
    }
  ],
  classKeys: []
})
const file = openSync(process.argv[2]!, 'r')
lines.setTime(Date.UTC(2026, 9, 1))
lines.seek(0)
const begun = process.cpuUsage()
for (;;) {
  const sizeBytes = readSync(file, lines.room())
  if (sizeBytes === 0) break
  lines.took(sizeBytes)
  while (lines.step(linesATurn));
}
lines.finish()
const { user, system } = process.cpuUsage(begun)
const { counted, read } = lines.countsOf(lines.counters[0]!)
const memoryMb = process.resourceUsage().maxRSS / 1_024
process.stdout.write(JSON.stringify({ cpuUs: user + system, counted, read, memoryMb }))
