import type { FastifyBaseLogger } from 'fastify'

const levels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

/**
 * The logger of one request, made when something is logged: most requests log nothing but their
 * last line, and making a child for each costs as much as writing that line.
 */
export const requestLogger = (parent: FastifyBaseLogger, bindings: object): FastifyBaseLogger =>
  new LazyLogger(parent, bindings) as unknown as FastifyBaseLogger

class LazyLogger {
  #parent: FastifyBaseLogger
  #bindings: object
  #child: FastifyBaseLogger | null = null

  constructor(parent: FastifyBaseLogger, bindings: object) {
    this.#parent = parent
    this.#bindings = bindings
  }

  get real(): FastifyBaseLogger {
    this.#child ??= this.#parent.child(this.#bindings)
    return this.#child
  }

  get level(): string {
    return this.#parent.level
  }

  child(bindings: object): FastifyBaseLogger {
    return this.real.child(bindings)
  }
}

for (const level of levels) {
  Object.defineProperty(LazyLogger.prototype, level, {
    value: function (this: LazyLogger, ...args: unknown[]) {
      Reflect.apply(this.real[level], this.real, args)
    }
  })
}
