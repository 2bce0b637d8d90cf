import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import { ApiError } from '../../../api/src/contract/client.ts'
import type { ImportReply } from '../../../api/src/contract/services.ts'
import { command, type Context } from '../cli/command.ts'
import { Failure } from '../cli/failure.ts'
import { bytes, count, wait } from '../cli/format.rules.ts'
import { progressLine, type Progress } from '../cli/progress.rules.ts'

type Source = { readonly file: string; readonly sizeBytes: number | null; open(): Readable }
type Imported =
  { readonly file: string; readonly reply: ImportReply } | { readonly file: string; readonly refused: string }

/** How often the progress line is drawn: often enough to feel alive, seldom enough to cost nothing. */
const redrawMs = 200
/** Without a terminal a line each this many milliseconds shows that it goes on. */
const plainLineMs = 10_000

export const importFiles = command({
  noun: 'import',
  verb: null,
  summary: 'count old access logs, plain or gzip; what was counted before is not counted twice',
  operands: [{ name: 'FILE', description: "Caddy's access log, .gz too; - for standard input", many: true }],
  options: {
    service: { type: 'string', value: 'NAME', required: true, description: 'the service the requests belong to' }
  },
  examples: [
    'plimsoll import --service shop-api /var/log/caddy/access-*.ndjson.gz',
    'ssh edge cat /var/log/caddy/access.ndjson | plimsoll import --service shop-api -'
  ],
  exits: { 0: 'every file was counted', 1: 'a file was refused; the others were counted' },
  async run({ operands, options: { service } }, context) {
    // every file is looked at before the first byte goes out, and the service must exist
    const sources = await Promise.all(operands.map(open))
    await context.call('GET /api/v1/services/{service}', { params: { service }, signal: context.signal })
    const files: Imported[] = []
    for (const source of sources) files.push(await importOne(source, service, context))
    context.output.result({ service, files }, files.map(lineOf))
    return files.some((f) => 'refused' in f) ? 1 : 0
  }
})

async function open(file: string): Promise<Source> {
  if (file === '-') return { file: 'standard input', sizeBytes: null, open: () => process.stdin }
  const found = await stat(file)
  if (found.isDirectory()) {
    throw new Failure('PLIMSOLL_NOT_A_FILE', `${file} is a folder`, { hint: `name its files: ${file}/*` })
  }
  const sizeBytes = found.isFile() ? found.size : null // a pipe has none
  return { file, sizeBytes, open: () => createReadStream(file, { highWaterMark: 256 * 1_024 }) }
}

async function importOne(source: Source, service: string, context: Context): Promise<Imported> {
  const { call, output, signal } = context
  const report = reporter(source, context)
  try {
    const body = Readable.toWeb(
      Readable.from(counted(source.open(), (n) => report.took(n)))
    ) as ReadableStream<Uint8Array>
    const reply = await call('POST /api/v1/services/{service}/imports', {
      params: { service },
      query: { name: basename(source.file) },
      headers: { 'content-type': 'application/octet-stream' },
      body,
      signal
    })
    return { file: source.file, reply }
  } catch (error) {
    if (signal.aborted) {
      throw new Failure('PLIMSOLL_INTERRUPTED', `interrupted in ${source.file}`, {
        hint: 'run the same command again: what was counted is not counted twice'
      })
    }
    if (error instanceof TypeError && report.doneBytes() > 0) {
      throw new Failure('PLIMSOLL_CONNECTION_LOST', `${source.file}: lost after ${bytes(report.doneBytes())}`, {
        hint: "look at Plimsoll's log, then run the same command again: what was counted is not counted twice"
      })
    }
    if (!(error instanceof ApiError) || error.status >= 500 || error.status === 401 || error.status === 403) throw error
    output.note(`${source.file}: refused: ${error.message}`)
    return { file: source.file, refused: error.message }
  } finally {
    report.end()
  }
}

/** Passes chunks on as the server takes them: what went through is what it took, give or take a socket buffer. */
async function* counted(stream: Readable, took: (sizeBytes: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    yield chunk
    took(chunk.byteLength)
  }
}

function reporter({ file, sizeBytes }: Source, { output }: Context) {
  const startedMs = performance.now()
  let doneBytes = 0
  let drawnMs = startedMs
  const now = (): Progress => ({ doneBytes, sizeBytes, elapsedMs: performance.now() - startedMs })
  return {
    doneBytes: () => doneBytes,
    took(chunkBytes: number) {
      doneBytes += chunkBytes
      if (performance.now() - drawnMs < (output.live ? redrawMs : plainLineMs)) return
      drawnMs = performance.now()
      const line = progressLine(basename(file), now())
      if (output.live) output.progress(line)
      else output.note(line)
    },
    end() {
      const { elapsedMs } = now()
      output.note(`${basename(file)}  ${bytes(doneBytes)} in ${wait(elapsedMs / 1_000)}`)
    }
  }
}

function lineOf(imported: Imported): string {
  if ('refused' in imported) return `${imported.file}: refused: ${imported.refused}`
  const { file, reply } = imported
  const skipped = Object.entries(reply.skipped).map(([reason, n]) => `${count(n)} ${reason}`)
  return [
    `${file}: ${count(reply.lines)} lines, ${count(reply.counted)} counted`,
    ...(reply.alreadyCounted > 0 ? [`${count(reply.alreadyCounted)} counted before`] : []),
    ...(reply.filtered > 0 ? [`${count(reply.filtered)} of other hosts or paths`] : []),
    ...(skipped.length > 0 ? [`skipped: ${skipped.join(', ')}`] : []),
    ...(reply.fromAt && reply.toAt ? [`from ${reply.fromAt} to ${reply.toAt}`] : [])
  ].join('; ')
}
