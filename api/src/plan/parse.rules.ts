import type { PlanFault } from '../contract/plan.ts'
import { checkDocument } from './checks/check-document.rules.ts'
import { remarksOn } from './checks/remarks.rules.ts'
import { isMapping } from './checks/place.rules.ts'
import type { ResolvedPlan } from './model.ts'
import { readOpenSlo } from './openslo/read.rules.ts'
import { resolve } from './resolve/resolve.rules.ts'
import { PlanDocument, planFormat } from './schema/plan.ts'
import { describe } from './fault-words.rules.ts'
import type { Fault, Path } from './fault.ts'
import { validate } from './validate.rules.ts'
import type { Position, SyntaxFault } from './yaml/position.ts'
import { readYaml, type YamlDocument } from './yaml/read.rules.ts'

export interface ParsedPlan {
  /** Null when there is an error among the faults. */
  readonly plan: ResolvedPlan | null
  /** All of them at once, errors and warnings, in the order of the file. */
  readonly faults: readonly PlanFault[]
}

/** More help nobody, and a reply has to end. */
const maxFaults = 200

const emptyPlan: ResolvedPlan = { title: null, services: [], maintenance: [], risks: [], milestones: [], receivers: [] }

/**
 * Reads a plan: Plimsoll's own format in YAML 1.2 or JSON, or OpenSLO v1 documents.
 *
 * @param input - text, or bytes of UTF-8
 */
export function parsePlan(input: string | Uint8Array): ParsedPlan {
  const { documents, faults } = readYaml(input)
  const broken = faults.map(syntaxFault)
  const [document, second] = documents
  if (document === undefined)
    return broken.length > 0 ? inOrder(null, broken) : { plan: emptyPlan, faults: [nothingWatched] }
  const draft = isOpenSlo(document.value) ? openSloDraft(documents) : planDraft(document)
  if (second && !isOpenSlo(document.value)) broken.push(onePlanPerFile(second))
  const { plan, found } = judge(draft)
  const located = found.map((fault) => locate(fault, draft))
  return inOrder(broken.length > 0 ? null : plan, [...broken, ...located])
}

/** A document, what reading it has found so far, and how its places become lines. */
interface Draft {
  readonly value: unknown
  readonly faults: readonly Fault[]
  readonly locate: (path: Path, on: 'key' | 'value') => Position
  /** The path as the file has it. */
  readonly sourceOf: (path: Path) => Path
}

const planDraft = (document: YamlDocument): Draft => ({
  value: document.value,
  faults: [],
  locate: document.locate,
  sourceOf: (path) => path
})

function openSloDraft(documents: readonly YamlDocument[]): Draft {
  const { value, faults, sourceOf } = readOpenSlo(documents.map((document) => document.value))
  // faults found while reading carry paths of the file already
  const ofReading = new Set<Path>(faults.map(({ path }) => path))
  return {
    value,
    faults,
    sourceOf: (path) => (ofReading.has(path) ? path : sourceOf(path)),
    locate: ([i = 0, ...path], on) => documents[Number(i)]?.locate(path, on) ?? { line: 1, column: 1 }
  }
}

const isOpenSlo = (value: unknown): boolean => isMapping(value) && String(value['apiVersion']).startsWith('openslo')

function judge(draft: Draft): { plan: ResolvedPlan | null; found: readonly Fault[] } {
  if (!isMapping(draft.value)) return { plan: null, found: [notAPlan(draft.value)] }
  const { value, faults } = validate(PlanDocument, draft.value)
  const found = [...draft.faults, ...faults, ...checkDocument(value)]
  if (found.some(({ severity }) => severity === 'error')) return { plan: null, found }
  const document = value as PlanDocument
  const plan = resolve(document)
  return { plan, found: [...found, ...remarksOn(plan, document)] }
}

const notAPlan = (value: unknown): Fault => ({
  path: [],
  at: 'value',
  severity: 'error',
  text: 'this is no plan',
  found: describe(value),
  expected: `a mapping that begins with \`plan: ${planFormat}\``
})

const nothingWatched: PlanFault = {
  path: '',
  line: 1,
  column: 1,
  severity: 'warning',
  text: 'the plan is empty: nothing is watched',
  found: 'an empty file',
  expected: `\`plan: ${planFormat}\`, then \`services:\` with a name and signals each`
}

const onePlanPerFile = (second: YamlDocument): PlanFault => ({
  path: '',
  ...second.locate([], 'value'),
  severity: 'error',
  text: 'a file holds one plan, and a second document begins here',
  found: 'another document after `---`',
  expected: 'one document (only OpenSLO may have several)'
})

const syntaxFault = (fault: SyntaxFault): PlanFault => ({ path: '', severity: 'error', ...fault })

function locate({ path, at, ...words }: Fault, draft: Draft): PlanFault {
  const source = draft.sourceOf(path)
  const { line, column } = draft.locate(source, at)
  return { path: pointer(source), line: Math.max(1, line), column: Math.max(1, column), ...words }
}

/** @see RFC 6901 */
const pointer = (path: Path): string =>
  path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

function inOrder(plan: ResolvedPlan | null, faults: readonly PlanFault[]): ParsedPlan {
  const once = [...new Map(faults.map((fault) => [JSON.stringify(fault), fault])).values()]
  const sorted = once.toSorted((a, b) => a.line - b.line || a.column - b.column)
  if (sorted.length <= maxFaults) return { plan, faults: sorted }
  const errorsFirst = sorted.toSorted((a, b) => Number(a.severity === 'warning') - Number(b.severity === 'warning'))
  const last = errorsFirst[maxFaults] ?? nothingWatched
  const more = { ...last, text: `and ${sorted.length - maxFaults} more, of which this is the first: ${last.text}` }
  return { plan, faults: [...errorsFirst.slice(0, maxFaults), more] }
}
