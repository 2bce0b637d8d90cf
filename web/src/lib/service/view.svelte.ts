import { untrack } from 'svelte'
import { page } from '$app/state'
import { withParams, type Params } from '#lib/address.ts'
import { navigate } from '#lib/navigate.ts'
import { clock } from '#lib/time/clock.svelte.ts'
import { heldRange, instant, parseRange, rangeParams, refreshMs, resolveRange, type Range } from '#lib/time/range.ts'
import { parseFilter } from './filter.ts'

/** What the service page looks at: the range and the filters of its address, resolved against a clock that ticks. */
export class View {
  #readings = $state(0)
  readonly range = $derived(parseRange(page.url.searchParams))
  /** When what is shown was asked for; Unix time in ms. */
  readonly readAtMs = $derived.by(() => {
    void [this.#readings, this.range]
    return untrack(() => clock.nowMs)
  })
  readonly span = $derived(resolveRange(this.range, this.readAtMs))
  readonly filter = $derived(parseFilter(page.url.searchParams))
  readonly refreshMs = $derived(refreshMs(this.range))

  /** Query of everything that is read for the range; a new object each time it is to be read anew. */
  readonly query = $derived.by(() => {
    void this.readAtMs
    return { from: instant(this.span.fromMs), to: instant(this.span.toMs) }
  })

  /** Moves a range that ends now on to now. */
  readonly advance = (): void => {
    if (this.range.kind === 'last') this.#readings++
  }

  readonly go = (changes: Params): Promise<void> => navigate(withParams(page.url, changes))

  readonly show = (range: Range): Promise<void> => this.go(rangeParams(range))

  /** Shows what was chosen on a chart. */
  readonly zoom = (fromMs: number, toMs: number): void => void this.show(heldRange(fromMs, toMs, clock.nowMs))
}
