/** A bounded number of places; whoever finds none waits in line. */
export class Places {
  #free: number
  #line: (() => void)[] = []

  /** @param places - how many may run at once, 1 or more */
  constructor(places: number) {
    this.#free = places
  }

  async use<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#line.push(resolve))
    try {
      return await task()
    } finally {
      const next = this.#line.shift()
      if (next) next()
      else this.#free++
    }
  }
}
