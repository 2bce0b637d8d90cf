/** Values and schemas in the words of a fault. */
import type { Schema } from './fault.ts'

/** A value in a few characters, for `found`. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`
  if (typeof value === 'object') return 'a mapping'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

/** A text for `found`, without what may be a secret: faults are shown to everybody who may read the plan. */
export function describeText(schema: Schema, text: string): string {
  if (schema['x-hidden'] === true) return 'a text that is not shown here'
  return describe(schema['x-kind'] === 'httpUrl' ? text.replace(/\/\/[^/]*@/, '//…@') : text)
}

/** What a schema takes, in words. */
export function expectedOf(schema: Schema): string {
  if (schema['x-expected'] !== undefined) return schema['x-expected']
  if (schema.anyOf)
    return [...new Set(schema.anyOf.filter(({ type }) => type !== 'null').map(expectedOf))].join(', or ')
  if (schema.const !== undefined)
    return `\`${typeof schema.const === 'string' ? schema.const : JSON.stringify(schema.const)}\``
  if (schema.enum) return keyList(schema.enum)
  switch (schema.type) {
    case 'array':
      return schema.items ? `a list, each entry ${expectedOf(schema.items)}` : 'a list'
    case 'object':
      return mappingText(schema)
    case 'boolean':
      return 'true or false'
    case 'integer':
    case 'number':
      return numberText(schema)
    default:
      return 'text'
  }
}

const mappingText = ({ properties = {}, required = [] }: Schema): string => {
  const keys = Object.keys(properties)
  if (required.length > 0) return `a mapping with ${required.map((key) => `\`${key}\``).join(' and ')}`
  return keys.length > 0 && keys.length <= 6 ? `a mapping of ${keyList(keys)}` : 'a mapping'
}

const numberText = ({ type, minimum, maximum }: Schema): string => {
  const kind = type === 'integer' ? 'a whole number' : 'a number'
  return minimum !== undefined && maximum !== undefined ? `${kind} from ${minimum} to ${maximum}` : kind
}

export const keyList = (keys: readonly string[]): string => {
  const quoted = keys.map((key) => `\`${key}\``)
  return quoted.length < 2 ? (quoted[0] ?? 'nothing') : `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`
}
