import { readPlacementFailures } from '../../../api/src/platform/nomad/read.rules.ts'
import type { WireDiff, WirePlan } from '../../../api/src/platform/nomad/wire.ts'

const signs: Readonly<Record<string, string>> = { Added: '+', Deleted: '-', Edited: '~' }

const changes = ({ Type }: { readonly Type?: string }): boolean => signs[Type ?? ''] !== undefined

/** Whether registering the job would change it. */
export const planChanges = ({ Diff }: WirePlan): boolean => Diff !== null && Diff !== undefined && changes(Diff)

/**
 * What registering the job would do, for people: the fields that change with their old and new
 * values, what becomes of the allocations, and why some would find no node.
 */
export function planLines(plan: WirePlan): string[] {
  const { Diff, Warnings } = plan
  const lines = Diff ? [...ownLines(Diff, ''), ...(Diff.TaskGroups ?? []).filter(changes).flatMap(groupLines)] : []
  const unplaced = readPlacementFailures(plan.FailedTGAllocs).flatMap(({ group, reasons }) =>
    reasons.map((reason) => `! ${group} would find no node: ${reason}`)
  )
  const warnings = (Warnings ?? '').split('\n').flatMap((line) => {
    const said = line.replace(/^\s*\*\s*/, '').trim()
    return said === '' || /^\d+ warnings?:?$/i.test(said) ? [] : [`! ${said}`]
  })
  return [...lines, ...unplaced, ...warnings]
}

type GroupDiff = NonNullable<NonNullable<WirePlan['Diff']>['TaskGroups']>[number]

const groupLines = (group: GroupDiff): string[] => {
  const updates = Object.entries(group.Updates ?? {}).map(([what, n]) => `${n} ${what}`)
  const head = `${signs[group.Type ?? '']} group ${group.Name ?? ''}${updates.length > 0 ? `: ${updates.join(', ')}` : ''}`
  const tasks = (group.Tasks ?? []).filter(changes).flatMap((task) => {
    const why = (task.Annotations ?? []).join(', ')
    const line = `  ${signs[task.Type ?? '']} task ${task.Name ?? ''}${why ? ` (${why})` : ''}`
    // everything of what is new or gone is in the file
    return task.Type === 'Edited' ? [line, ...ownLines(task, '    ')] : [line]
  })
  return group.Type === 'Edited' ? [head, ...ownLines(group, '  '), ...tasks] : [head, ...tasks]
}

/** Fields and blocks of a diff that change. */
const ownLines = ({ Type, Fields, Objects }: WireDiff, indent: string): string[] => {
  if (Type !== 'Edited') return []
  const fields = (Fields ?? [])
    .filter(changes)
    .map(({ Type, Name, Old, New }) => `${indent}${signs[Type ?? '']} ${Name ?? ''}: ${change(Type, Old, New)}`)
  const blocks = (Objects ?? [])
    .filter(changes)
    .flatMap((block) => [`${indent}${signs[block.Type ?? '']} ${block.Name ?? ''}`, ...ownLines(block, `${indent}  `)])
  return [...fields, ...blocks]
}

const change = (type: string | undefined, old = '', now = ''): string =>
  type === 'Added' ? quote(now) : type === 'Deleted' ? quote(old) : `${quote(old)} → ${quote(now)}`

/** A template may be a page long. */
const quote = (text: string): string => JSON.stringify(text.length > 120 ? `${text.slice(0, 119)}…` : text)
