import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Context } from '../cli/command.ts'
import { fileNameOf, readParcel, type Parcel } from './spool.rules.ts'

/** A parcel and the file it lies in; null: the spool could not take it. */
export interface Kept {
  readonly file: string | null
  readonly parcel: Parcel
}

/** PLIMSOLL_SPOOL, else where the XDG base directories put state. */
export const spoolFolder = (env: Context['env']): string =>
  env['PLIMSOLL_SPOOL'] ||
  join(env['XDG_STATE_HOME'] || join(env['HOME'] || homedir(), '.local/state'), 'plimsoll/spool')

/**
 * Documents that wait until their server has them: one file each, whole or not at all, removed only
 * after the server confirmed. Several programs may use it at a time.
 */
export class Spool {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  /** Writes a parcel; once this resolves a power cut does not lose it. */
  async keep(parcel: Parcel): Promise<Kept> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    const file = join(this.folder, fileNameOf(parcel))
    const draft = join(this.folder, `.${process.pid}-${fileNameOf(parcel)}.part`)
    const handle = await open(draft, 'w', 0o600)
    try {
      await handle.writeFile(JSON.stringify(parcel))
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(draft, file)
    return { file, parcel }
  }

  /** Everything that waits, oldest first; `unread` names files that hold no parcel. */
  async waiting(): Promise<{ kept: Kept[]; unread: string[] }> {
    const kept: Kept[] = []
    const unread: string[] = []
    const names = (await readdir(this.folder).catch(none)).filter((name) => /^[^.].*\.json$/.test(name))
    for (const name of names.toSorted()) {
      const file = join(this.folder, name)
      const text = await readFile(file, 'utf8').catch(() => null) // another program has just sent it
      if (text === null) continue
      const parcel = readParcel(text)
      if (parcel) kept.push({ file, parcel })
      else unread.push(file)
    }
    return { kept, unread }
  }

  async forget({ file }: Kept): Promise<void> {
    if (file !== null) await rm(file, { force: true })
  }

  /** Puts a parcel where it is no longer sent from; a person decides. @returns its new place */
  async setAside({ file, parcel }: Kept): Promise<string | null> {
    if (file === null) return null
    const folder = join(this.folder, 'refused')
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const place = join(folder, fileNameOf(parcel))
    await rename(file, place)
    return place
  }
}

const none = (error: NodeJS.ErrnoException): string[] => {
  if (error.code === 'ENOENT') return []
  throw error
}
