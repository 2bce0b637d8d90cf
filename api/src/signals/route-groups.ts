import { compilePathPattern } from '../plan/match.rules.ts'
import { otherRoute, templateOf } from './route-group.rules.ts'

export interface RouteGroupsOptions {
  /** Declared path patterns; the first that matches a path names its group. */
  readonly groups: readonly string[]
  /** Most automatic groups, count; what comes later is `other`. */
  readonly cap: number
  /** Groups that were in use before, so that a restart does not hand them out anew. */
  readonly known?: readonly string[]
}

/** The route groups of one service: few enough to be shown and stored, whatever paths are asked for. */
export class RouteGroups {
  readonly #declared: readonly { readonly pattern: string; readonly matches: (path: string) => boolean }[]
  readonly #cap: number
  readonly #open = new Set<string>()

  constructor({ groups, cap, known = [] }: RouteGroupsOptions) {
    this.#declared = groups.map((pattern) => ({ pattern, matches: compilePathPattern(pattern) }))
    this.#cap = cap
    const automatic = known.filter((route) => route !== otherRoute && route !== '' && !groups.includes(route))
    for (const route of automatic.slice(0, cap)) this.#open.add(route)
  }

  /** The declared group of a path; null when none matches. */
  declared(path: string): string | null {
    return this.#declared.find(({ matches }) => matches(path))?.pattern ?? null
  }

  /**
   * The automatic group of paths of one template, see `templateOf`; opens it while there is room,
   * if `earned`. Null: not yet, ask again with the next reply.
   */
  automatic(template: string, earned: boolean): string | null {
    if (this.#open.has(template) || template === otherRoute) return template
    if (this.#open.size >= this.#cap) return otherRoute
    if (!earned) return null
    this.#open.add(template)
    return template
  }

  /** The group of a request, for sources that ask about one event at a time. See {@link earnsRoute}. */
  of(path: string, earned: boolean): string {
    return this.declared(path) ?? this.automatic(templateOf(path), earned) ?? otherRoute
  }
}
