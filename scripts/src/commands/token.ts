import { Role, type ApiToken } from '../../../api/src/contract/access.ts'
import { command } from '../cli/command.ts'
import { wrongUsage } from '../cli/failure.ts'
import { table } from '../cli/table.rules.ts'

const roles: readonly string[] = Role.anyOf.map((one) => one.const)

const isRole = (text: string): text is Role => roles.includes(text)

/** Milliseconds of `90d`, `12h`, `30m`; null when it is none of these. */
const durationOf = (text: string): number | null => {
  const [, number, unit = ''] = /^([1-9]\d{0,4})([mhd])$/.exec(text) ?? []
  return number === undefined ? null : Number(number) * ({ m: 60_000, h: 3_600_000, d: 86_400_000 }[unit] ?? 0)
}

export const tokenCreate = command({
  noun: 'token',
  verb: 'create',
  summary: 'a token for a program; it is printed once and kept nowhere',
  operands: [{ name: 'NAME', description: 'what it is for, for people' }],
  options: {
    role: { type: 'string', value: 'ROLE', required: true, description: 'viewer, deployer, operator or admin' },
    service: { type: 'string', value: 'NAMES', description: 'only these services, separated by commas' },
    expires: { type: 'string', value: 'DURATION', description: 'how long it works: 90d, 12h, 30m (90d)' },
    forever: { type: 'boolean', description: 'it never expires' }
  },
  examples: [
    'plimsoll token create "ci of shop" --role deployer --service shop-api',
    'PLIMSOLL_TOKEN=$(plimsoll token create dashboard --role viewer --expires 30d)'
  ],
  exits: { 0: 'made; the token is the only line of standard output' },
  async run({ operands: [name = ''], options }, { call, output, signal }) {
    const { role, service, expires = '90d', forever } = options
    if (!isRole(role)) throw wrongUsage(`--role ${role} is no role`, roles.join(', '))
    const afterMs = durationOf(expires)
    if (afterMs === null) throw wrongUsage(`--expires ${expires} is no duration`, '90d, 12h or 30m; or --forever')
    const services = service?.split(',').map((one) => one.trim())
    const { nowAt } = await call('GET /api/v1/system', { signal })
    const reply = await call('POST /api/v1/tokens', {
      body: {
        name,
        role,
        ...(services && { services }),
        ...(!forever && { expiresAt: new Date(Date.parse(nowAt) + afterMs).toISOString() })
      },
      signal
    })
    output.result(reply, [reply.secret])
    output.note(
      `${reply.token.id}: ${reply.token.role}${scopeOf(reply.token)}, until ${reply.token.expiresAt ?? 'revoked'}`
    )
    output.note('It is not shown again. Give it to the program as PLIMSOLL_TOKEN, or as Authorization: Bearer …')
    return 0
  }
})

export const tokenList = command({
  noun: 'token',
  verb: 'list',
  summary: 'the tokens that were made, with their roles, ends and last uses',
  options: { all: { type: 'boolean', description: 'those too that no longer work' } },
  examples: ['plimsoll token list', 'plimsoll token list --all --json'],
  exits: { 0: 'listed' },
  async run({ options }, { call, output, signal }) {
    const { tokens } = await call('GET /api/v1/tokens', { signal })
    const shown = tokens.filter(({ state }) => options.all || state === 'active')
    const lines = table(shown, [
      { title: 'ID', cell: (one) => one.id },
      { title: 'NAME', cell: (one) => one.name },
      { title: 'STARTS', cell: (one) => `${one.start}…` },
      { title: 'ROLE', cell: (one) => one.role },
      { title: 'SERVICES', cell: (one) => one.services?.join(', ') ?? 'all' },
      { title: 'STATE', cell: (one) => (one.state === 'active' ? one.state : output.tone('quiet', one.state)) },
      { title: 'EXPIRES', cell: (one) => one.expiresAt ?? 'never' },
      { title: 'LAST USED', cell: (one) => one.lastUsedAt ?? 'never' },
      { title: 'MADE BY', cell: (one) => one.createdBy }
    ])
    output.result({ tokens: shown }, lines.length > 0 ? lines : ['There is no token. Make one: plimsoll token create'])
    return 0
  }
})

export const tokenRevoke = command({
  noun: 'token',
  verb: 'revoke',
  summary: 'end a token for good, at once here and within two seconds on other instances',
  operands: [{ name: 'ID', description: 'as plimsoll token list shows it' }],
  options: {},
  examples: ['plimsoll token revoke tok_0123456789ab'],
  exits: { 0: 'it no longer works' },
  async run({ operands: [id = ''] }, { call, output, signal }) {
    const token = await call('DELETE /api/v1/tokens/{id}', { params: { id }, signal })
    output.result(token, [`${token.id} (${token.name}) was revoked at ${token.revokedAt}`])
    return 0
  }
})

const scopeOf = ({ services }: ApiToken): string =>
  services === null ? ' of all services' : ` of ${services.join(', ')}`
