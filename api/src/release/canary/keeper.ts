import { isDeepStrictEqual } from 'node:util'
import type { Leadership } from '../../platform/lease.ts'
import type { Happening, ReleaseRecord } from './record.ts'
import type { ReleaseStore } from './store.ts'

export interface KeeperOptions {
  readonly store: ReleaseStore
  readonly lease: Leadership
  /** After every change of a release. */
  readonly onChange: (release: ReleaseRecord) => void
}

/** Writes releases, and tells of what changed. */
export class ReleaseKeeper {
  readonly store: ReleaseStore
  readonly #options: KeeperOptions

  constructor(options: KeeperOptions) {
    this.#options = options
    this.store = options.store
  }

  /**
   * Writes, as the leader, a release and what happened to it.
   *
   * @param before - as it was read; equal to `release`: only what happened is written
   */
  async save(release: ReleaseRecord, said: readonly Happening[], before: ReleaseRecord | null = null): Promise<void> {
    const isSame = before !== null && isDeepStrictEqual(before, release)
    const isNews = await this.#options.lease.act(async (transaction) => {
      if (!isSame) await this.store.save(release, transaction)
      return this.store.tell(release.id, said, transaction)
    })
    if (!isSame || isNews) this.#options.onChange(release)
  }

  /** Writes what somebody said of a release to this instance, whether or not it leads. */
  async note(release: ReleaseRecord, said: readonly Happening[]): Promise<void> {
    await this.store.transaction(async (transaction) => {
      await this.store.save(release, transaction)
      await this.store.tell(release.id, said, transaction)
    })
    this.#options.onChange(release)
  }
}
