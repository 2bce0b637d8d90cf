import { readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { identityOf, openSegment, type LogSegment } from './log-segment.ts'

/** A folder with more files than this is not searched to its end. */
const maxFiles = 5_000

/** Clocks of a file system and of the log's writer may differ by this much, milliseconds. */
const clockSlackMs = 60_000

/**
 * Whether a name is what a rotation makes of a log's name: Caddy's `access-2026-11-22T21-10-56.632.log`
 * (and `…-size.log`), logrotate's `access.log.1` and `access.log-20261122`, each also packed.
 * `access-2.log` and `access-admin.log` are other logs.
 */
export function isRotated(name: string, logName: string): boolean {
  const plain = name.replace(/\.gz$/, '')
  if (plain.startsWith(logName)) return /^([.-]\d{8}[\d.T:_-]*|\.\d{1,5})$/.test(plain.slice(logName.length))
  const extension = extname(logName)
  const stem = logName.slice(0, logName.length - extension.length)
  if (!plain.startsWith(stem) || !plain.endsWith(extension)) return false
  const mark = plain.slice(stem.length, plain.length - extension.length)
  return /^[.-]\d{4}-?\d\d-?\d\d([T_.-][\d.T:_-]*)?(-[a-z]+)?$/.test(mark)
}

/**
 * A log's file that was renamed, copied or packed; null when it is gone.
 *
 * @param identity - device and inode it had: a renamed file keeps them whatever it is called
 * @param isSame - tells by the first line
 */
export async function findRenamed(
  path: string,
  identity: string,
  isSame: (segment: LogSegment) => boolean
): Promise<LogSegment | null> {
  const files = await filesBeside(path)
  // Renamed in place first: the unpacked file is complete even while it is being packed.
  const byInode = files.filter((file) => file.identity === identity)
  const byName = files.filter((file) => file.identity !== identity && isRotated(file.name, basename(path)))
  for (const file of [...byInode, ...byName.filter((f) => !f.packed), ...byName.filter((f) => f.packed)]) {
    const segment = await openSegment(file.path).catch(() => null)
    if (segment && isSame(segment)) return segment
    await segment?.close()
  }
  return null
}

/**
 * The files that a log was rotated to after another, oldest first; never the log itself.
 *
 * @param after - time of the first line of the other one, or when it was last read if it has none,
 *   Unix milliseconds; device and inode of files that are known already
 */
export async function findSuccessors(
  path: string,
  { firstMs, seenMs, except }: { firstMs: number | null; seenMs: number; except: ReadonlySet<string> }
): Promise<string[]> {
  const oldestMs = (firstMs ?? seenMs) - clockSlackMs
  const files = await filesBeside(path)
  const found: { path: string; firstMs: number; head: string }[] = []
  // Plain files first: of a file and its packed copy the former is complete.
  for (const file of files.toSorted((a, b) => Number(a.packed) - Number(b.packed))) {
    if (except.has(file.identity) || file.changedMs < oldestMs || !isRotated(file.name, basename(path))) continue
    const segment = await openSegment(file.path).catch(() => null)
    const head = segment?.head?.toString('latin1')
    const startMs = segment?.firstMs ?? file.changedMs
    await segment?.close()
    if (head === undefined || found.some((other) => other.head === head)) continue
    if (startMs > (firstMs ?? seenMs - writeDelayMs)) found.push({ path: file.path, firstMs: startMs, head })
  }
  return found.toSorted((a, b) => a.firstMs - b.firstMs).map((file) => file.path)
}

/** A line is written a little after the time it carries, milliseconds. */
const writeDelayMs = 1_000

interface SiblingFile {
  readonly name: string
  readonly path: string
  readonly identity: string
  readonly changedMs: number
  readonly packed: boolean
}

async function filesBeside(path: string): Promise<SiblingFile[]> {
  const folders = new Set([dirname(path), dirname(await realpath(path).catch(() => path))])
  const files: SiblingFile[] = []
  for (const folder of folders) {
    const names = await readdir(folder).catch(() => [])
    for (const name of names.slice(0, maxFiles)) {
      const found = await stat(join(folder, name), { bigint: true }).catch(() => null)
      if (!found?.isFile()) continue
      const identity = identityOf(found)
      files.push({
        name,
        path: join(folder, name),
        identity,
        changedMs: Number(found.mtimeMs),
        packed: name.endsWith('.gz')
      })
    }
  }
  return files
}
