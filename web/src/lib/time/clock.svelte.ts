import { createSubscriber } from 'svelte/reactivity'

const subscribe = createSubscriber((update) => {
  const timer = setInterval(update, 1_000)
  return () => clearInterval(timer)
})

let offsetMs = $state(0)

/** The server's time: ages are told by the clock that wrote the instants. */
export const clock = {
  /** Unix time in ms; what reads it is told each second. */
  get nowMs(): number {
    subscribe()
    return Date.now() + offsetMs
  },
  /** Sets the offset from an instant the server just gave. Less than a second is the network, not the clock. */
  adjust(serverNowAt: string): void {
    const found = Date.parse(serverNowAt) - Date.now()
    offsetMs = Math.abs(found) < 1_000 ? 0 : found
  }
}
