import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { codedError, messageOf } from '../../platform/errors.ts'

export const logDamaged = codedError({
  code: 'PLIMSOLL_LOG_DAMAGED',
  status: 400,
  title: 'The packed log cannot be unpacked',
  hint: 'what came before the damage was counted; repair the file (gzip -t) and import it again: nothing counts twice'
})

/**
 * The content of a log that may be packed: gzip is told by its first bytes, and may consist of
 * several members, as `cat a.gz b.gz` makes them.
 *
 * @param took - called with the size of each piece of input once it has been dealt with
 * @throws PLIMSOLL_LOG_DAMAGED when it is packed and broken; what comes before the damage is given
 */
export async function* unpack(
  input: AsyncIterable<Uint8Array>,
  took: (sizeBytes: number) => void
): AsyncGenerator<Uint8Array, void> {
  const pieces = input[Symbol.asyncIterator]()
  try {
    let first = Buffer.alloc(0)
    while (first.length < 2) {
      const { done, value } = await pieces.next()
      if (done) break
      took(value.length)
      first = Buffer.concat([first, value])
    }
    const all = from(first, pieces, took)
    if (first[0] === 0x1f && first[1] === 0x8b) yield* gunzip(all)
    else yield* all
  } finally {
    await pieces.return?.()
  }
}

async function* from(
  first: Buffer,
  pieces: AsyncIterator<Uint8Array>,
  took: (sizeBytes: number) => void
): AsyncGenerator<Uint8Array, void> {
  if (first.length > 0) yield first
  for (;;) {
    const { done, value } = await pieces.next()
    if (done) return
    took(value.length)
    yield value
  }
}

async function* gunzip(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void> {
  let inputError: unknown = null
  const input = Readable.from(packed, { objectMode: false })
  const unzip = createGunzip({ chunkSize: 256 * 1_024 })
  input.on('error', (error) => {
    inputError = error
    unzip.destroy(error)
  })
  try {
    yield* input.pipe(unzip) as AsyncIterable<Buffer>
  } catch (error) {
    if (inputError !== null) throw inputError
    throw logDamaged(messageOf(error), { cause: error })
  } finally {
    input.destroy()
    unzip.destroy()
  }
}
