/** Who wants to hear of which event; a listener added twice hears once. */
export class Listeners<Events extends object> {
  readonly #byName = new Map<keyof Events, Set<(data: never) => void>>()

  /** @returns a function that removes the listener */
  on<Name extends keyof Events>(name: Name, listener: (data: Events[Name]) => void): () => void {
    const own = this.#byName.get(name) ?? new Set()
    this.#byName.set(name, own.add(listener))
    return () => own.delete(listener)
  }

  /** Tells the listeners of a named event what its text says; text nobody waits for is not even parsed. */
  tell(name: string, json: string): void {
    const own = this.#byName.get(name as keyof Events)
    if (!own?.size) return
    const data = JSON.parse(json) as never
    for (const listener of own) listener(data)
  }
}
