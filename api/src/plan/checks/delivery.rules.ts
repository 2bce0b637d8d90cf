/** What has to fit together in maintenance, milestones and receivers. */
import { readInstant } from '../quantities.rules.ts'
import { keyList } from '../fault-words.rules.ts'
import type { Fault } from '../fault.ts'
import { at, errorAt, has, isMapping, itemsOf, keysOf, textOf, type Place } from './place.rules.ts'
import { openSecrets } from './services.rules.ts'

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
  const fromMs = readInstant(textOf(at(band, 'from')) ?? '')
  const toMs = readInstant(textOf(at(band, 'to')) ?? '')
  if (fromMs === null || toMs === null) return []
  const found = textOf(at(band, 'to')) ?? undefined
  if (toMs <= fromMs)
    return [
      errorAt(at(band, 'to'), {
        text: 'it ends before it begins',
        found,
        expected: `a time after ${textOf(at(band, 'from')) ?? ''}`
      })
    ]
  if (toMs - fromMs <= longestBandMs) return []
  return [
    errorAt(at(band, 'to'), {
      text: 'a band of more than 30 days is no maintenance',
      found,
      expected: 'at most 30 days after `from`'
    })
  ]
}

const checkKinds = ['http', 'objective', 'file', 'command'] as const

function checkAcceptance(check: Place): Fault[] {
  if (!isMapping(check.value)) return []
  const kinds = checkKinds.filter((kind) => has(check, kind))
  const expected = `one of ${keyList(checkKinds)}`
  if (kinds.length > 1)
    return [errorAt(check, { text: 'this check is of several kinds', found: keyList(kinds), expected })]
  if (kinds.length === 0) {
    const known = new Set(['title', 'every', 'evidence', 'status', 'body'])
    return keysOf(check).every((key) => known.has(key))
      ? [errorAt(check, { text: 'this check is of no kind', expected })]
      : []
  }
  return (['status', 'body'] as const)
    .filter((key) => has(check, key) && textOf(at(check, 'http')) === null)
    .map((key) =>
      errorAt(
        at(check, key),
        {
          text: `\`${key}\` belongs to the answer over HTTP`,
          expected: has(check, 'http') ? `\`${key}\` inside of \`http\`` : '`http` with a URL'
        },
        'key'
      )
    )
}

function checkReceiver(receiver: Place): Fault[] {
  const webhook = at(receiver, 'webhook')
  if (!isMapping(webhook.value)) return []
  const given = (['url', 'urlSecret'] as const).filter((key) => has(webhook, key))
  const faults = openSecrets(at(webhook, 'headers'))
  if (given.length === 1) return faults
  const text = given.length === 0 ? 'this webhook goes nowhere' : 'this webhook goes to two places'
  return [
    ...faults,
    errorAt(webhook, {
      text,
      found: given.length === 0 ? undefined : keyList(given),
      expected: 'either `url` or `urlSecret`'
    })
  ]
}
