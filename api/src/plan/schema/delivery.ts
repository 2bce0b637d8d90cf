import { Type, type Static } from 'typebox'
import { ExpectedBody, ExpectedStatus } from './signals.ts'
import {
  Choice,
  Day,
  Duration,
  FilePath,
  Headers,
  HttpUrl,
  IdText,
  Line,
  NameText,
  OneOrMany,
  SecretHeaders,
  SecretName,
  Time,
  closed
} from './words.ts'

const level = (description: string) => Choice(['low', 'medium', 'high'], { description })

export const RiskEntry = Type.Object(
  {
    id: IdText('unique, such as R-01'),
    title: Line('the risk in a few words'),
    impact: level('what it would cost'),
    probability: level('how likely it is'),
    owner: Line('who looks after it'),
    mitigation: Type.Optional(Line('what is done about it', 2_000)),
    status: Type.Optional(
      Choice(['open', 'mitigated', 'accepted', 'closed'], { default: 'open', description: 'where it stands' })
    )
  },
  { ...closed, description: 'a risk' }
)

const HttpMethod = Choice(['GET', 'HEAD'], { default: 'GET', description: 'a check only looks' })
const checkTimeout = (limit: string) =>
  Type.Optional(Duration({ min: '100ms', max: limit, default: '10s', description: 'how long it may take' }))

const CheckedState = OneOrMany(
  Choice(['pass', 'warn', 'not_enough_evidence'], { description: 'a state' }),
  'states that are accepted; default: pass',
  3
)

const ObjectiveName = Type.String({
  pattern: '^[a-z0-9._-]{1,64}/[a-z0-9._-]{1,64}$',
  'x-expected': 'a service and an objective, such as shop-api/availability',
  examples: ['shop-api/availability']
})

const Arguments = Type.Array(Type.String({ maxLength: 1_000 }), {
  minItems: 1,
  maxItems: 50,
  description: 'program and arguments; no shell reads them'
})

export const CheckEntry = Type.Object(
  {
    title: Type.Optional(Line('for people; default: the check in words')),
    every: Type.Optional(Duration({ min: '10s', max: '7d', default: '5m', description: 'time between two checks' })),
    evidence: Type.Optional(
      Duration({ min: '1m', max: '400d', description: 'how long a result counts; default: 1d, or three times `every`' })
    ),
    http: Type.Optional(
      Type.Union(
        [
          HttpUrl('what is asked for'),
          Type.Object(
            {
              url: HttpUrl('what is asked for'),
              method: Type.Optional(HttpMethod),
              status: Type.Optional(ExpectedStatus),
              body: Type.Optional(ExpectedBody),
              timeout: checkTimeout('1m')
            },
            closed
          )
        ],
        { description: 'an answer over HTTP' }
      )
    ),
    status: Type.Optional(ExpectedStatus),
    body: Type.Optional(ExpectedBody),
    objective: Type.Optional(
      Type.Union(
        [
          ObjectiveName,
          Type.Object(
            {
              service: NameText('a service of this plan'),
              objective: NameText('an objective of it'),
              state: Type.Optional(CheckedState)
            },
            closed
          )
        ],
        { description: 'the state of an objective' }
      )
    ),
    file: Type.Optional(
      Type.Union([FilePath('the file'), Type.Object({ path: FilePath('the file') }, closed)], {
        description: 'a file that exists and is not empty'
      })
    ),
    command: Type.Optional(
      Type.Union([Arguments, Type.Object({ run: Arguments, timeout: checkTimeout('10m') }, closed)], {
        description: 'a command that ends with 0; only commands that the setting COMMAND_ALLOW names are run'
      })
    )
  },
  { ...closed, description: 'one of http, objective, file and command' }
)
export type CheckEntry = Static<typeof CheckEntry>

export const MilestoneEntry = Type.Object(
  {
    id: IdText('unique, such as M-1'),
    title: Line('what will be there'),
    description: Type.Optional(Line('what it takes', 2_000)),
    owner: Line('who does it'),
    reviewer: Type.Optional(Line('who accepts it')),
    due: Type.Optional(Day('until when')),
    acceptance: Type.Optional(
      Type.Array(CheckEntry, { maxItems: 100, description: 'checks that Plimsoll runs; all of them have to pass' })
    )
  },
  { ...closed, description: 'a milestone' }
)

export const MaintenanceEntry = Type.Object(
  {
    service: Type.Optional(OneOrMany(NameText('a service of this plan'), 'which services; default: all', 2_000)),
    from: Time('when it begins'),
    to: Time('when it ends'),
    reason: Line('what is done')
  },
  { ...closed, description: 'a planned band: judged both with and without it' }
)

const Webhook = Type.Object(
  {
    url: Type.Optional(HttpUrl('where messages go; in the open')),
    urlSecret: Type.Optional(SecretName('the URL, where it is a secret itself')),
    headers: Type.Optional(Headers),
    secretHeaders: Type.Optional(SecretHeaders),
    signingSecret: Type.Optional(SecretName('the key that signs each body (HMAC-SHA256)')),
    timeout: Type.Optional(Duration({ min: '100ms', max: '1m', default: '10s', description: 'for one attempt' }))
  },
  closed
)

export const ReceiverEntry = Type.Object(
  {
    name: NameText('unique'),
    webhook: Type.Union([HttpUrl('where messages go'), Webhook], { description: 'an HTTP POST of JSON' }),
    severities: Type.Optional(
      Type.Array(Choice(['page', 'ticket', 'notice'], { description: 'a severity' }), {
        minItems: 1,
        maxItems: 3,
        description: 'which alerts; default: page and ticket'
      })
    ),
    services: Type.Optional(
      Type.Array(NameText('a service of this plan'), { minItems: 1, maxItems: 2_000, description: 'default: all' })
    ),
    sendResolved: Type.Optional(Type.Boolean({ default: true, description: 'whether the end of an alert is sent too' }))
  },
  { ...closed, description: 'who is told about alerts' }
)
