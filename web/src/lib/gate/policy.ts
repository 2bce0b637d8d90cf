import type { Fault } from '../api/fault.ts'

/** A policy as it was typed: YAML or JSON, in the words of the plan's `gate:`. */
export type Typed = { readonly policy: Record<string, unknown> | undefined } | { readonly fault: string }

/**
 * What a typed policy says; nothing typed means the policy in force. The reader of YAML is loaded when
 * something was typed: no other page needs it.
 */
export const readPolicy = async (text: string): Promise<Typed> => {
  if (text.trim() === '') return { policy: undefined }
  const { parseDocument } = await import('yaml')
  const document = parseDocument(text)
  const [error] = document.errors
  if (error) return { fault: error.message }
  const found: unknown = document.toJS()
  if (!isMapping(found)) return { fault: 'A policy is a mapping, such as minimumBudget: 20%.' }
  // What was copied from a plan with its key is meant as well.
  return { policy: isMapping(found['gate']) && Object.keys(found).length === 1 ? found['gate'] : found }
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** `/policy/rules/freeze` as one writes it: `rules.freeze`; null: the fault is not of the policy. */
export const policyPath = (path: string): string | null =>
  path.startsWith('/policy/') ? path.slice('/policy/'.length).replaceAll('/', '.') : null

/** Faults of the policy by the place they stand at. */
export const policyFaults = ({ errors }: Pick<Fault, 'errors'>) =>
  errors.flatMap(({ path, text, expected }) => {
    const place = policyPath(path)
    return place === null ? [] : [{ place, text, expected: expected ?? null }]
  })

/** What the editor begins with when one wants to change something. */
export const EXAMPLE = `minimumBudget: 20%
loadLineDrop: 5%
requireRun: true
rules:
  freeze: warn
unmeasured: block
`
