import fp from 'fastify-plugin'
import type { Access, Priority } from '../../contract/index.ts'

declare module 'fastify' {
  interface FastifyInstance {
    routeTable: RouteTable
  }
  interface FastifyRequest {
    /** The configuration of its route, at hand: `routeOptions` builds a new object each time. */
    routeConfig: FastifyContextConfig & { readonly url?: string }
  }
  interface FastifyContextConfig {
    /** Who may call; from the contract. */
    access?: Access
    /** What is shed first; from the contract. */
    priority?: Priority
    /** Key in the contract, e.g. `GET /api/v1/services`. */
    route?: string
    /** Name in metrics instead of the URL, for routes that are many. */
    metricsName?: string
    /** Takes whatever no other route takes; does not count when a 404 is told from a 405. */
    catchAll?: boolean
    /** Stays open: its duration says nothing. */
    streams?: boolean
    /** Asked every few seconds by machines: logged only when it goes wrong. */
    polled?: boolean
  }
}

interface Entry {
  readonly method: string
  readonly url: string
  readonly catchAll: boolean
  readonly declared: boolean
}

/** Every route that was registered. */
export class RouteTable {
  #entries: Entry[] = []
  #patterns: { readonly pattern: RegExp; readonly method: string }[] | null = null

  add(entry: Entry): void {
    this.#entries.push(entry)
  }

  get all(): readonly Entry[] {
    return this.#entries
  }

  /** Methods that some route takes at this path; empty when none does. */
  methodsOf(path: string): string[] {
    this.#patterns ??= this.#entries
      .filter(({ catchAll }) => !catchAll)
      .map(({ method, url }) => ({ method, pattern: toPattern(url) }))
    const methods = this.#patterns.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method)
    return [...new Set(methods)].toSorted()
  }

  /** Routes that do not say who may call them and when they are shed. */
  get undeclared(): string[] {
    return this.#entries.filter(({ declared }) => !declared).map(({ method, url }) => `${method} ${url}`)
  }
}

const toPattern = (url: string): RegExp =>
  new RegExp(
    `^${url
      .replaceAll(/[.+?^$()|[\]\\{}]/g, String.raw`\$&`)
      .replaceAll(/:\w+/g, '[^/]+')
      .replaceAll('*', '.*')}$`
  )

/** Keeps the list of routes, and refuses to start while one does not declare its access. */
export const routeTablePlugin = fp(
  async (app) => {
    const table = new RouteTable()
    app.decorate('routeTable', table)
    app.decorateRequest('routeConfig', null as never)
    app.addHook('onRequest', (request, _reply, done) => {
      request.routeConfig = request.routeOptions.config
      done()
    })
    app.addHook('onRoute', (route) => {
      for (const method of [route.method].flat()) {
        table.add({
          method,
          url: route.url,
          catchAll: route.config?.catchAll ?? false,
          get declared() {
            // read late: a plugin's own hook may declare for the routes of a library
            return route.config?.access !== undefined && route.config.priority !== undefined
          }
        })
      }
    })
    app.addHook('onReady', async () => {
      const { undeclared } = table
      if (undeclared.length > 0) throw new Error(`routes without access or priority: ${undeclared.join(', ')}`)
    })
  },
  { name: 'route-table' }
)
