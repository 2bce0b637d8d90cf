import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  visit,
  type Alias,
  type Document,
  type Node,
  type Pair,
  type YAMLMap
} from 'yaml'
import type { Path } from '../fault.ts'
import { compose } from './compose.rules.ts'
import { decode } from './decode.rules.ts'
import type { Position, SyntaxFault } from './position.ts'

/** Values of a document after its aliases are put in, count: nothing can be multiplied without end. */
const maxValues = 200_000
/** A plan is eight deep; an alias inside its own anchor would be deeper than any limit. */
const maxDepth = 32

export interface YamlDocument {
  readonly value: unknown
  /** Where a value, or the key it stands behind, is written; the nearest enclosing place when it is not there at all. */
  readonly locate: (path: Path, at: 'key' | 'value') => Position
}

export interface YamlText {
  /** Empty when the text could not be read, or holds nothing but comments. */
  readonly documents: readonly YamlDocument[]
  readonly faults: readonly SyntaxFault[]
}

type Parsed = Document.Parsed

/**
 * YAML 1.2, and so JSON, into plain values that know their lines. Made for text from anywhere:
 * size, nesting, aliases and errors are bounded, and so is the time all of it takes.
 *
 * @returns every document that holds something, and every fault of syntax; never throws
 */
export function readYaml(input: string | Uint8Array): YamlText {
  const decoded = decode(input)
  if (decoded.fault) return { documents: [], faults: [decoded.fault] }
  const { documents, faults, positionAt } = compose(decoded.text)
  if (faults.length > 0) return { documents: [], faults }
  const complaints: SyntaxFault[] = []
  const complain: Complain = (node, text, found, expected) =>
    complaints.push({ ...positionAt(startOf(node)), text, found, expected })
  try {
    const read = documents.map((document) => ({
      value: readValue(document, complain),
      locate: (path: Path, at: 'key' | 'value') => positionAt(locate(document, path, at))
    }))
    return { documents: read.filter(({ value }) => value !== null), faults: complaints }
  } catch (error) {
    if (error instanceof Unreadable) return { documents: [], faults: complaints }
    throw error
  }
}

type Complain = (node: Node, text: string, found: string, expected: string) => void

/** Said after the complaint that explains it. */
class Unreadable extends Error {}

function readValue(document: Parsed, complain: Complain): unknown {
  const targets = targetsOf(document)
  let count = 0

  const valueOf = (node: Node | null, depth: number): unknown => {
    if (node === null) return null
    if (++count > maxValues) throw refuse(node, 'aliases make this too large', 'more', `at most ${maxValues} values`)
    if (depth > maxDepth)
      throw refuse(node, 'this is nested too deeply', `${depth} levels`, `at most ${maxDepth} levels`)
    if (isAlias(node)) return valueOf(target(node), depth + 1)
    if (isSeq<Node>(node)) return node.items.map((item) => valueOf(item, depth + 1))
    if (isMap<Node, Node | null>(node)) return Object.fromEntries(entriesOf(node, depth + 1))
    return isScalar(node) ? node.value : null
  }

  const entriesOf = (map: YAMLMap<Node, Node | null>, depth: number): Map<string, unknown> => {
    const own = new Map<string, unknown>()
    const merged = new Map<string, unknown>()
    for (const { key, value } of map.items) {
      const name = keyOf(key)
      if (name === '<<' && value !== null) merge(valueOf(value, depth), value, merged)
      else if (own.has(name)) complain(key, `\`${name}\` is there twice`, `\`${name}\``, 'each key once')
      else own.set(name, valueOf(value, depth))
    }
    return new Map([...merged, ...own])
  }

  /** `<<: *defaults`, or a list of them, the first of which wins. */
  const merge = (value: unknown, node: Node, into: Map<string, unknown>): void => {
    for (const source of [value].flat()) {
      if (typeof source !== 'object' || source === null)
        complain(node, '`<<` needs a mapping', 'something else', 'an alias of a mapping')
      else for (const [key, item] of Object.entries(source)) if (!into.has(key)) into.set(key, item)
    }
  }

  const target = (alias: Alias): Node => {
    const node = targets.get(alias)
    if (node) return node
    throw refuse(
      alias,
      `no anchor is called \`${alias.source}\``,
      `*${alias.source}`,
      `an anchor &${alias.source} before it; or, for text that begins with *, quotes: '*${alias.source}'`
    )
  }

  const refuse = (node: Node, text: string, found: string, expected: string): Unreadable => {
    complain(node, text, found, expected)
    return new Unreadable(text)
  }

  return valueOf(document.contents, 0)
}

/** What each alias stands for, found in one walk: an alias that looks for itself walks the whole document. */
function targetsOf(document: Parsed): ReadonlyMap<Alias, Node> {
  const anchors = new Map<string, Node>()
  const targets = new Map<Alias, Node>()
  visit(document, {
    Alias: (_key, alias) => {
      const node = anchors.get(alias.source)
      if (node) targets.set(alias, node)
    },
    Value: (_key, node) => {
      if (node.anchor !== undefined) anchors.set(node.anchor, node)
    }
  })
  return targets
}

/** Offset of what a path leads to. */
function locate(document: Parsed, path: Path, at: 'key' | 'value'): number {
  let node: Node | null = document.contents
  for (const [i, step] of path.entries()) {
    const inside: Node | null = isAlias(node) ? (node.resolve(document) ?? null) : node
    if (isSeq<Node>(inside) && typeof step === 'number' && inside.items[step]) {
      node = inside.items[step]
    } else if (isMap<Node, Node | null>(inside)) {
      const pair: Pair<Node, Node | null> | undefined = inside.items.find(({ key }) => keyOf(key) === step)
      if (pair === undefined) return startOf(inside)
      if (at === 'key' && i === path.length - 1) return startOf(pair.key)
      node = pair.value ?? pair.key
    } else break
  }
  return node === null ? 0 : startOf(node)
}

const keyOf = (key: Node): string => (isScalar(key) ? String(key.value) : '')

const startOf = (node: Node): number => node.range?.[0] ?? 0
