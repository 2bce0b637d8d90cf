import { untrack } from 'svelte'
import { page } from '$app/state'
import { call } from '#lib/api/client.ts'
import { resource } from '#lib/api/resource.svelte.ts'
import { serviceWith } from '#lib/live/fold.ts'
import { live } from '#lib/live/live.svelte.ts'
import { instant } from '#lib/time/range.ts'
import { chosenObjective } from './burn.ts'
import { filterQuery } from './filter.ts'
import type { View } from './view.svelte.ts'

const MINUTE = 60_000

/** The window's picture moves by less than a pixel in this time. */
const TIDE_STEP_MS = 5 * MINUTE

/** Everything the service page reads, and what makes it read again. Each panel has its own resource, so that each fails alone. */
export class ServiceReading {
  readonly view: View
  readonly #service: () => string

  readonly detail = resource(() => {
    const params = { service: this.#service() }
    return (signal) => call('GET /api/v1/services/{service}', { params, signal })
  })
  readonly objectives = resource(() => {
    const params = { service: this.#service() }
    return async (signal) => (await call('GET /api/v1/services/{service}/objectives', { params, signal })).objectives
  })
  readonly traffic = resource(() => {
    const input = {
      params: { service: this.#service() },
      query: { ...this.view.query, ...filterQuery(this.view.filter) }
    }
    return (signal) => call('GET /api/v1/services/{service}/traffic', { ...input, signal })
  })
  readonly heatmap = resource(() => {
    const input = {
      params: { service: this.#service() },
      query: { ...this.view.query, ...filterQuery(this.view.filter) }
    }
    return (signal) => call('GET /api/v1/services/{service}/heatmap', { ...input, signal })
  })
  readonly marks = resource(() => {
    const input = { params: { service: this.#service() }, query: this.view.query }
    return async (signal) => (await call('GET /api/v1/services/{service}/marks', { ...input, signal })).marks
  })
  /** What is known of its releases: their marks lead to them. */
  readonly releases = resource(() => {
    const query = { service: this.#service(), limit: 100 }
    return async (signal) => (await call('GET /api/v1/releases', { query, signal })).releases
  })
  readonly routes = resource(() => {
    const input = { params: { service: this.#service() }, query: this.view.query }
    return (signal) => call('GET /api/v1/services/{service}/routes', { ...input, signal })
  })

  readonly chosen = $derived.by(() =>
    chosenObjective(this.objectives.data ?? [], page.url.searchParams.get('objective'))
  )
  readonly #chosenName = $derived(this.chosen?.name ?? null)
  readonly #tideToMs = $derived(
    this.chosen ? Math.ceil(Date.parse(this.chosen.window.toAt) / TIDE_STEP_MS) * TIDE_STEP_MS : null
  )
  /** The chosen objective's window, on whole steps: its picture is not read anew for every judgement. */
  readonly tideSpan = $derived.by(() => {
    const toMs = this.#tideToMs
    const lengthMs = untrack(() =>
      this.chosen ? Date.parse(this.chosen.window.toAt) - Date.parse(this.chosen.window.fromAt) : 0
    )
    return toMs === null || this.#chosenName === null ? null : { fromMs: toMs - lengthMs, toMs }
  })
  readonly #tideQuery = $derived(
    this.tideSpan && { from: instant(this.tideSpan.fromMs), to: instant(this.tideSpan.toMs) }
  )

  readonly tide = resource(() => {
    if (this.#chosenName === null || !this.#tideQuery) return null
    const input = { params: { service: this.#service(), objective: this.#chosenName }, query: this.#tideQuery }
    return (signal) => call('GET /api/v1/services/{service}/objectives/{objective}/history', { ...input, signal })
  })
  readonly tideMarks = resource(() => {
    if (!this.#tideQuery) return null
    const input = { params: { service: this.#service() }, query: this.#tideQuery }
    return async (signal) => (await call('GET /api/v1/services/{service}/marks', { ...input, signal })).marks
  })
  readonly burn = resource(() => {
    if (this.#chosenName === null) return null
    const input = { params: { service: this.#service(), objective: this.#chosenName }, query: this.view.query }
    return (signal) => call('GET /api/v1/services/{service}/objectives/{objective}/history', { ...input, signal })
  })

  constructor(service: () => string, view: View) {
    this.#service = service
    this.view = view
    // A range that ends now moves on; a hidden page need not.
    $effect(() => {
      const { refreshMs } = view
      if (refreshMs === null) return
      const timer = setInterval(() => document.visibilityState === 'visible' && view.advance(), refreshMs)
      return () => clearInterval(timer)
    })
    // News about this service; whatever it does not carry is read again.
    $effect(() => {
      const own = service()
      const stops = [
        live.on('slices', ({ services, atMs }) => {
          const news = services[own]
          if (news) this.detail.update((detail) => serviceWith(detail, news, atMs))
        }),
        live.on('state', (message) => message.service === own && this.#judgedAgain()),
        live.on('alert', (message) => message.service === own && this.#changed()),
        live.on('release', (message) => message.service === own && this.#changed()),
        live.on('plan', () => this.#changed()),
        live.on('reset', () => this.#changed())
      ]
      return () => stops.forEach((stop) => stop())
    })
  }

  #judgedAgain(): void {
    this.detail.reload()
    this.objectives.reload()
  }

  #changed(): void {
    for (const each of [this.detail, this.objectives, this.marks, this.tideMarks, this.releases]) each.renew()
    this.view.advance()
  }
}
