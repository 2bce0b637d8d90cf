/** What has to fit together in maintenance, milestones and receivers. */
import { readInstant } from '../quantities.rules.ts'
import { keyList } from '../fault-words.rules.ts'
import type { Fault } from '../fault.ts'
import { at, errorAt, has, isMapping, itemsOf, keysOf, textOf, type Place } from './place.rules.ts'
import { openSecrets } from './signals.rules.ts'

const longestBandMs = 30 * 86_400_000

export function checkDelivery(root: Place): Fault[] {
  return [
    ...itemsOf(at(root, 'maintenance')).flatMap(checkBand),
    ...itemsOf(at(root, 'milestones')).flatMap((milestone) =>
      itemsOf(at(milestone, 'acceptance')).flatMap(checkAcceptance)
    ),
    ...itemsOf(at(root, 'receivers')).flatMap(checkReceiver)
  ]
}

function checkBand(band: Place): Fault[] {
  const [from, to] = [textOf(at(band, 'from')), textOf(at(band, 'to'))]
  const [fromMs, toMs] = [readInstant(from ?? ''), readInstant(to ?? '')]
  if (from === null || to === null || fromMs === null || toMs === null) return []
  const fault = (text: string, expected: string): Fault[] => [errorAt(at(band, 'to'), { text, found: to, expected })]
  if (toMs <= fromMs) return fault('it ends before it begins', `a time after ${from}`)
  if (toMs - fromMs <= longestBandMs) return []
  return fault('a band of more than 30 days is no maintenance', 'at most 30 days after `from`')
}

const checkKinds = ['http', 'objective', 'file', 'command'] as const
const oneKind = `one of ${keyList(checkKinds)}`
/** What a check may say whatever its kind is; the last two only beside the URL of `http`. */
const otherKeys: ReadonlySet<string> = new Set(['title', 'every', 'evidence', 'status', 'body'])

function checkAcceptance(check: Place): Fault[] {
  if (!isMapping(check.value)) return []
  const kinds = checkKinds.filter((kind) => has(check, kind))
  if (kinds.length > 1) {
    return [errorAt(check, { text: 'this check is of several kinds', found: keyList(kinds), expected: oneKind })]
  }
  if (kinds.length === 1) return strayExpectations(check)
  // an unknown key is the better explanation, and is given already
  const isBare = keysOf(check).every((key) => otherKeys.has(key))
  return isBare ? [errorAt(check, { text: 'this check is of no kind', expected: oneKind })] : []
}

function strayExpectations(check: Place): Fault[] {
  if (textOf(at(check, 'http')) !== null) return []
  return (['status', 'body'] as const)
    .filter((key) => has(check, key))
    .map((key) => {
      const expected = has(check, 'http') ? `\`${key}\` inside of \`http\`` : '`http` with a URL'
      return errorAt(at(check, key), { text: `\`${key}\` belongs to the answer over HTTP`, expected }, 'key')
    })
}

function checkReceiver(receiver: Place): Fault[] {
  const webhook = at(receiver, 'webhook')
  if (!isMapping(webhook.value)) return []
  const faults = openSecrets(at(webhook, 'headers'))
  const given = (['url', 'urlSecret'] as const).filter((key) => has(webhook, key))
  const expected = 'either `url` or `urlSecret`'
  if (given.length === 0) return [...faults, errorAt(webhook, { text: 'this webhook goes nowhere', expected })]
  if (given.length === 1) return faults
  return [...faults, errorAt(webhook, { text: 'this webhook goes to two places', found: keyList(given), expected })]
}
