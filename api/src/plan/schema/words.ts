/**
 * The scalars of a plan file. Each is a JSON Schema string with a pattern, so that an editor knows
 * it, and names its `x-kind`, by which the checker reads its value and its limits.
 */
import { Type, type TSchema, type TString } from 'typebox'
import { dateSource, durationSource, instantSource, percentSource } from '../quantities.rules.ts'
import { pathPatternSource } from '../match.rules.ts'

/** What a text has to be beyond its pattern; `scalars.rules.ts` holds the test of each. */
export type ScalarKind =
  | 'duration'
  | 'percent'
  | 'instant'
  | 'date'
  | 'timeZone'
  | 'httpUrl'
  | 'listenAddress'
  | 'pathPattern'
  | 'regularExpression'
  | 'filePath'
  | 'statusRange'

/** An object that knows exactly these keys. */
export const closed = { additionalProperties: false } as const

interface Notes {
  readonly description: string
  readonly default?: unknown
  readonly examples?: readonly unknown[]
}

interface Limits extends Notes {
  readonly min?: string
  readonly max?: string
}

const scalar = (kind: ScalarKind, expected: string, options: Record<string, unknown>): TString =>
  Type.String({ ...options, 'x-kind': kind, 'x-expected': expected })

const exampleOf = ({ default: standard, examples }: Notes, other: string): string =>
  [standard, examples?.[0]].find((one) => typeof one === 'string') ?? other

/** A duration from `min` to `max`, both included. */
export const Duration = ({ min = '1ms', max = '400d', ...notes }: Limits): TString =>
  scalar('duration', `a duration from ${min} to ${max}, such as ${exampleOf(notes, '30s')}`, {
    pattern: durationSource,
    'x-min': min,
    'x-max': max,
    ...notes
  })

/** A percentage from `min` to `max`, both included. */
export const Percent = ({ min = '0%', max = '100%', ...notes }: Limits): TString =>
  scalar('percent', `a percentage with its sign, such as ${exampleOf(notes, '10%')}`, {
    pattern: percentSource,
    'x-min': min,
    'x-max': max,
    ...notes
  })

/** A promise: more than nothing and less than everything. */
export const Target = (notes: Notes): TString =>
  scalar('percent', `a percentage above 0% and below 100%, such as ${exampleOf(notes, '99.9%')}`, {
    pattern: percentSource,
    'x-above': '0%',
    'x-below': '100%',
    ...notes
  })

export const Time = (description: string): TString =>
  scalar('instant', 'a time with its offset (RFC 3339), such as 2026-12-01T02:00Z', {
    pattern: instantSource,
    description,
    examples: ['2026-12-01T02:00Z']
  })

export const Day = (description: string): TString =>
  scalar('date', 'a day of the calendar, such as 2026-12-31', {
    pattern: dateSource,
    description,
    examples: ['2026-12-31']
  })

export const TimeZone = (notes: Notes): TString =>
  scalar('timeZone', 'the IANA name of a time zone, such as Europe/Berlin', { maxLength: 64, ...notes })

export const HttpUrl = (description: string): TString =>
  scalar('httpUrl', "an http or https URL without a user name and password, or self:/path for Plimsoll's own address", {
    maxLength: 2_048,
    description,
    examples: ['https://shop.example/healthz', 'self:/healthz']
  })

export const ListenAddress = (description: string): TString =>
  scalar('listenAddress', 'an address and a port, such as 127.0.0.1:9110 or [::1]:9110', {
    maxLength: 128,
    description,
    examples: ['127.0.0.1:9110']
  })

export const PathPattern = (description: string): TString =>
  scalar('pathPattern', 'a path that begins with /, where * stands at the end or for a whole segment, or *.ending', {
    pattern: pathPatternSource,
    maxLength: 512,
    description,
    examples: ['/api/*', '/api/items/*/price', '*.css']
  })

export const RegularExpression = (description: string): TString =>
  scalar('regularExpression', 'a JavaScript regular expression', { minLength: 1, maxLength: 500, description })

export const StatusRange = (description: string): TString =>
  scalar('statusRange', 'a status such as 200, a class such as 2xx or a range such as 200-204', {
    pattern: '^([1-5][0-9]{2}(-[1-5][0-9]{2})?|[1-5]xx)$',
    description,
    examples: ['2xx', '200-204']
  })

/** A path below the directory of the plan file. */
export const FilePath = (description: string): TString =>
  scalar('filePath', 'a path relative to the plan file, not above it, such as docs/RUNBOOK.md', {
    minLength: 1,
    maxLength: 512,
    description,
    examples: ['RUNBOOK.md']
  })

const text = (expected: string, options: Record<string, unknown>): TString =>
  Type.String({ 'x-expected': expected, ...options })

export const NameText = (description: string): TString =>
  text('lower-case letters, digits, dot, dash and underscore, 1 to 64 of them, such as shop-api', {
    pattern: '^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$',
    description
  })

export const IdText = (description: string): TString =>
  text('letters, digits, dot, dash and underscore, 1 to 64 of them, such as R-01', {
    pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$',
    description
  })

/** No control characters but tab and line ends: such texts go into logs, pages and databases. */
const printable = String.raw`^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]*$`

/** A line of text for people. */
export const Line = (description: string, maxLength = 200): TString =>
  text(`a text of 1 to ${maxLength} characters`, { pattern: printable, minLength: 1, maxLength, description })

export const Method = Type.String({
  pattern: '^[A-Z]{3,16}$',
  description: 'HTTP method, upper case',
  'x-expected': 'an HTTP method in upper case, such as GET',
  examples: ['GET', 'POST']
})

export const HostPattern = text('a host name without scheme and port, such as shop.example or *.shop.example', {
  pattern: String.raw`^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})$|^[0-9a-fA-F:]{2,45}$`,
  description: 'a host name; *.shop.example takes every name below it',
  examples: ['shop.example']
})

const secretSource = '^PLAN_SECRET_[A-Z0-9_]{1,100}$'

/**
 * The name of an environment variable or vault key. Only names with this prefix, so that no plan
 * can ever send another secret of the process away.
 */
export const SecretName = (description: string): TString =>
  text('the name of an environment variable or vault key that begins with PLAN_SECRET_', {
    pattern: secretSource,
    'x-hidden': true,
    description,
    examples: ['PLAN_SECRET_SHOP_TOKEN']
  })

const headerName = "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$"

export const Headers = Type.Record(
  Type.String({ pattern: headerName }),
  text('a header value of printable characters', { pattern: String.raw`^[\t\x20-\x7e\x80-\xff]*$`, maxLength: 4_096 }),
  { ...closed, description: 'request headers; values are shown with the plan, so secrets belong in secretHeaders' }
)

export const SecretHeaders = Type.Record(Type.String({ pattern: headerName }), SecretName('where the value is found'), {
  ...closed,
  description: 'request headers whose values are secrets: header name, then the name of the secret',
  examples: [{ Authorization: 'PLAN_SECRET_SHOP_TOKEN' }]
})

/** One value, or a list of them. */
export const OneOrMany = <T extends TSchema>(item: T, description: string, maxItems = 100) =>
  Type.Union([item, Type.Array(item, { minItems: 1, maxItems })], { description })

/** One of a few words. */
export const Choice = <const W extends readonly string[]>(words: W, notes: Notes) =>
  Type.Unsafe<W[number]>({ type: 'string', enum: [...words], ...notes })
