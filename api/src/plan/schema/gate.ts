import { Type, type Static } from 'typebox'
import {
  Choice,
  Duration,
  HttpUrl,
  IdText,
  Line,
  NameText,
  OneOrMany,
  Percent,
  SecretName,
  Time,
  TimeZone,
  closed
} from './words.ts'

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

const TimeOfDay = (description: string) =>
  Type.String({
    pattern: '^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$',
    description,
    'x-expected': 'a time of the day, such as 18:00',
    examples: ['18:00']
  })

const Freeze = Type.Object(
  {
    from: Type.Optional(Time('when it begins, once')),
    to: Type.Optional(Time('when it ends, once')),
    weekly: Type.Optional(
      Type.Object(
        {
          days: OneOrMany(Choice(weekdays, { description: 'a day of the week' }), 'on which days it begins', 7),
          from: Type.Optional(TimeOfDay('when it begins; default: 00:00')),
          to: Type.Optional(TimeOfDay('when it ends, on the next day when that is earlier; default: 24:00')),
          timeZone: Type.Optional(TimeZone({ default: 'UTC', description: 'whose clock counts' }))
        },
        { ...closed, description: 'every week' }
      )
    ),
    reason: Line('why nothing ships then')
  },
  { ...closed, description: 'a time in which nothing ships: `from` and `to`, or `weekly`' }
)

const effect = Choice(['block', 'warn', 'off'], { description: 'what a rule that fails does' })

const Rules = Type.Object(
  {
    error_budget: Type.Optional(effect),
    page_alerts: Type.Optional(effect),
    load_run: Type.Optional(effect),
    load_line: Type.Optional(effect),
    previous_release: Type.Optional(effect),
    risks: Type.Optional(effect),
    milestones: Type.Optional(effect),
    freeze: Type.Optional(effect),
    dependencies: Type.Optional(effect),
    external_evidence: Type.Optional(effect)
  },
  { ...closed, description: 'what each rule does when it fails; default: block' }
)

const Evidence = Type.Object(
  {
    kind: Choice(['statement', 'alertmanager', 'k6', 'junit'], { description: 'what is handed in' }),
    name: NameText('by which it is handed in'),
    maxAge: Type.Optional(Duration({ min: '1m', max: '400d', default: '1d', description: 'how long it counts' })),
    anyVersion: Type.Optional(
      Type.Boolean({ default: false, description: 'whether it counts for versions it does not name' })
    ),
    signingSecret: Type.Optional(SecretName('the key it has to be signed with (HMAC-SHA256)'))
  },
  { ...closed, description: 'what an outside program has to say of the version' }
)

const policy = {
  minimumBudget: Type.Optional(Percent({ default: '10%', description: 'least share of every error budget left' })),
  loadLineDrop: Type.Optional(Percent({ default: '10%', description: 'most the load line may drop' })),
  requireRun: Type.Optional(
    Type.Boolean({ default: false, description: 'whether a load run and a load line of the release are needed' })
  ),
  runMaxAge: Type.Optional(
    Duration({ min: '1m', max: '400d', default: '7d', description: 'how long a load run counts' })
  ),
  loadLineReference: Type.Optional(
    IdText('id of the load line that is never fallen below; default: the newest of another release')
  ),
  milestones: Type.Optional(
    Type.Array(IdText('a milestone of this plan'), { maxItems: 100, description: 'which have to be reached' })
  ),
  freezes: Type.Optional(Type.Array(Freeze, { maxItems: 100, description: 'when nothing ships' })),
  dependencies: Type.Optional(
    Type.Array(Type.Union([NameText('a service of this plan'), HttpUrl('what has to answer 2xx')]), {
      maxItems: 50,
      description: 'what has to be well for this service to be well'
    })
  ),
  evidence: Type.Optional(Type.Array(Evidence, { maxItems: 50, description: 'what others have to say' })),
  rules: Type.Optional(Rules),
  unmeasured: Type.Optional(
    Choice(['block', 'warn'], {
      description: 'what a rule does that could not be measured; default: block in production, warn elsewhere'
    })
  )
}

const EnvironmentPolicy = Type.Object(policy, { ...closed, description: 'what holds in this environment instead' })

export const Gate = Type.Object(
  {
    ...policy,
    repository: Type.Optional(
      Type.String({
        pattern: String.raw`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+$`,
        maxLength: 256,
        description: 'on GitHub or GitLab: deployments and merge requests there ask this gate',
        'x-expected': 'an owner and a name, such as acme/shop',
        examples: ['acme/shop']
      })
    ),
    environments: Type.Optional(
      Type.Record(Type.String({ pattern: '^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$' }), EnvironmentPolicy, {
        ...closed,
        description: 'by environment, what differs there'
      })
    )
  },
  { ...closed, description: 'what a release needs to pass' }
)
export type GateEntry = Static<typeof Gate>
export type GatePolicyEntry = Static<typeof EnvironmentPolicy>
