import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { AuditEntry, AuditHead } from '../../../api/src/contract/audit.ts'
import { ChainCheck } from '../../../api/src/platform/audit/chain.rules.ts'
import { command, type Context } from '../cli/command.ts'
import { Failure, wrongUsage } from '../cli/failure.ts'
import { count } from '../cli/format.rules.ts'
import { table } from '../cli/table.rules.ts'

const entriesPerPage = 500

export const auditList = command({
  noun: 'audit',
  verb: 'list',
  summary: 'who did what, when, from where; newest first',
  options: {
    caller: { type: 'string', value: 'ID', description: 'only of this caller, for example person:alice' },
    action: { type: 'string', value: 'ACTION', description: 'only this action, for example sign_in' },
    refused: { type: 'boolean', description: 'only what was refused' },
    limit: { type: 'string', value: 'N', description: 'at most this many, 1 to 500 (50)' },
    cursor: { type: 'string', value: 'CURSOR', description: 'the next page, as the page before said' }
  },
  examples: ['plimsoll audit list --refused', 'plimsoll audit list --caller person:alice --json'],
  exits: { 0: 'listed' },
  async run({ options }, { call, output, signal }) {
    const limit = Number(options.limit ?? 50)
    if (!Number.isInteger(limit) || limit < 1 || limit > entriesPerPage) {
      throw wrongUsage(`--limit ${options.limit} is not a number from 1 to ${entriesPerPage}`, '--limit 50')
    }
    const { caller, action, refused, cursor } = options
    const reply = await call('GET /api/v1/audit', {
      query: {
        limit,
        ...(caller && { caller }),
        ...(action && { action }),
        ...(refused && { outcome: 'refused' as const }),
        ...(cursor && { cursor })
      },
      signal
    })
    const lines = table(reply.entries, [
      { title: 'N', right: true, cell: (one) => String(one.sequence) },
      { title: 'AT', cell: (one) => one.at },
      { title: 'WHO', cell: (one) => `${one.caller.name} (${one.caller.kind})` },
      { title: 'ACTION', cell: (one) => one.action },
      { title: 'TO', cell: (one) => one.subject },
      { title: 'OUTCOME', cell: (one) => (one.outcome === 'done' ? 'done' : output.tone('careful', one.outcome)) },
      { title: 'FROM', cell: (one) => one.address },
      { title: 'DETAIL', cell: detailOf }
    ])
    output.result(reply, lines.length > 0 ? lines : ['Nothing was done so far.'])
    if (reply.nextCursor) output.note(`more: --cursor ${reply.nextCursor}`)
    return 0
  }
})

const detailOf = ({ detail }: AuditEntry): string =>
  Object.entries(detail)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')

export const auditExport = command({
  noun: 'audit',
  verb: 'export',
  summary: 'the whole log, oldest first, one entry a line, to be kept elsewhere',
  options: {},
  examples: ['plimsoll audit export > audit.ndjson'],
  exits: { 0: 'all of it was written' },
  async run(_, { call, output, signal }) {
    const all: AuditEntry[] = []
    let written = 0
    for await (const { entries } of pages({ call, signal })) {
      written += entries.length
      if (output.json) all.push(...entries)
      else
        output.result(
          null,
          entries.map((entry) => JSON.stringify(entry))
        )
    }
    if (output.json) output.result({ entries: all }, [])
    output.note(`${count(written)} entries`)
    return 0
  }
})

export const auditVerify = command({
  noun: 'audit',
  verb: 'verify',
  summary: 'whether the audit log is whole: no entry was removed or altered',
  operands: [{ name: 'FILE', description: 'an export, in place of the log of the server', optional: true }],
  options: {
    head: { type: 'string', value: 'N:HASH', description: 'a head noted down before, which the log has to contain' }
  },
  examples: ['plimsoll audit verify', 'plimsoll audit verify audit.ndjson', 'plimsoll audit verify --head 120:5f0c…'],
  exits: { 0: 'it is whole', 1: 'an entry was removed or altered', 2: 'it could not be read' },
  async run({ operands: [file], options }, context) {
    const noted = options.head === undefined ? null : headOf(options.head)
    const check = new ChainCheck()
    let end: AuditHead | null = null
    let found: AuditHead | null = null
    const look = (entry: AuditEntry): void => {
      check.add(entry)
      if (entry.sequence === noted?.sequence) found = { sequence: entry.sequence, hash: entry.hash }
    }
    if (file === undefined) {
      for await (const page of pages(context)) {
        end ??= page.head
        page.entries.forEach(look)
      }
    } else {
      for await (const entry of entriesOf(file)) look(entry)
    }
    const broken = check.finish(end ?? check.head) ?? (noted && differs(noted, found))
    const { head } = check
    const { output } = context
    if (broken) {
      output.result({ whole: false, ...broken }, [output.tone('bad', `Not whole: ${broken.text} [${broken.code}]`)])
      return 1
    }
    output.result({ whole: true, head }, [
      `Whole: ${count(head.sequence)} entries, each follows the one before.`,
      `Note the head down elsewhere; a later check with --head finds a log that was rewritten: ${head.sequence}:${head.hash}`
    ])
    return 0
  }
})

const headOf = (text: string): AuditHead => {
  const [, sequence, hash] = /^([1-9]\d*):([0-9a-f]{64})$/.exec(text) ?? []
  if (sequence === undefined || hash === undefined)
    throw wrongUsage(`--head ${text} is no head`, '--head 120:<64 hex digits>')
  return { sequence: Number(sequence), hash }
}

const differs = (noted: AuditHead, found: AuditHead | null) => {
  if (found?.hash === noted.hash) return null
  const text = found
    ? `entry ${noted.sequence} is not the one that was noted down: the log was rewritten`
    : `entry ${noted.sequence}, which was noted down, is not there: the newest were removed`
  return { code: found ? 'other_head' : 'cut_off', sequence: noted.sequence, text }
}

/** The log, oldest first. */
async function* pages({ call, signal }: Pick<Context, 'call' | 'signal'>) {
  let cursor: string | null = null
  do {
    const page: { entries: AuditEntry[]; head: AuditHead; nextCursor: string | null } = await call(
      'GET /api/v1/audit',
      {
        query: { order: 'oldest', limit: entriesPerPage, ...(cursor !== null && { cursor }) },
        signal
      }
    )
    yield page
    cursor = page.nextCursor
  } while (cursor !== null)
}

async function* entriesOf(file: string): AsyncGenerator<AuditEntry> {
  let line = 0
  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    line++
    if (text.trim() === '') continue
    yield readEntry(text, `${file}:${line}`)
  }
}

/** @throws Failure when the line is no entry at all: it may be another file */
const readEntry = (text: string, where: string): AuditEntry => {
  try {
    const entry = JSON.parse(text) as AuditEntry
    if (typeof entry.sequence === 'number' && typeof entry.caller === 'object' && typeof entry.detail === 'object')
      return entry
  } catch {
    // told below
  }
  throw new Failure('PLIMSOLL_NO_AUDIT_ENTRY', `${where} is no entry of an audit log`, {
    hint: 'give a file that plimsoll audit export wrote'
  })
}
