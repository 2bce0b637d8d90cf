import { Type, type Static } from 'typebox'
import { Gate } from './gate.ts'
import { ReleaseEntry } from './release.ts'
import { Signal } from './signals.ts'
import {
  Choice,
  Duration,
  Headers,
  HttpUrl,
  Line,
  Method,
  NameText,
  OneOrMany,
  PathPattern,
  SecretHeaders,
  Target,
  TimeZone,
  closed
} from './words.ts'

const calendarUnits = ['week', 'month', 'quarter'] as const

export const Window = Type.Union(
  [
    Choice(calendarUnits, { description: 'the calendar week (from Monday), month or quarter, UTC' }),
    Duration({ min: '1h', max: '400d', description: 'the time before now', examples: ['30d', '28d'] }),
    Type.Object(
      {
        calendar: Choice(calendarUnits, { description: 'weeks begin on Monday' }),
        timeZone: Type.Optional(TimeZone({ default: 'UTC', description: 'whose midnight counts' }))
      },
      closed
    )
  ],
  { description: 'over which time the promise is kept', default: '30d' }
)

const From = Choice(['requests', 'probes'], {
  description: 'what is judged; default: requests, or probes where a service has nothing else'
})

const percentile = (share: string) =>
  Type.Optional(
    Duration({
      min: '1ms',
      max: '1h',
      description: `${share} of the requests are faster than this`,
      examples: ['200ms']
    })
  )

export const Promised = Type.Object(
  {
    availability: Type.Optional(Target({ description: 'share of requests that do not fail', examples: ['99.9%'] })),
    p50: percentile('50 %'),
    p90: percentile('90 %'),
    p95: percentile('95 %'),
    p99: percentile('99 %'),
    errors: Type.Optional(Target({ description: 'most requests that may end in a 5xx', examples: ['0.1%'] })),
    window: Type.Optional(Window),
    from: Type.Optional(From)
  },
  {
    ...closed,
    description: 'the promise in one line: each part becomes an objective of that name',
    examples: [{ availability: '99.9%', p95: '200ms', errors: '0.1%', window: '30d' }]
  }
)
export type Window = Static<typeof Window>
export type Promised = Static<typeof Promised>

const TrafficClass = Choice(['user', 'synthetic', 'load'], { description: 'whose traffic' })

export const ObjectiveEntry = Type.Object(
  {
    name: NameText('unique in its service'),
    title: Type.Optional(Line('for people; default: the promise in words')),
    description: Type.Optional(Line('why this is promised', 2_000)),
    indicator: Choice(['availability', 'latency', 'errors'], { description: 'what is measured' }),
    path: Type.Optional(PathPattern('only these requests')),
    threshold: Type.Optional(
      Duration({
        min: '1ms',
        max: '1h',
        description: 'slower is bad; for latency, and only there',
        examples: ['300ms']
      })
    ),
    target: Target({ description: 'share of good events', examples: ['99.9%'] }),
    window: Type.Optional(Window),
    class: Type.Optional(
      OneOrMany(TrafficClass, 'whose traffic is judged; default: user, or synthetic from probes', 3)
    ),
    from: Type.Optional(From),
    budgeting: Type.Optional(
      Type.Union(
        [
          Choice(['requests'], { description: 'bad events of all events' }),
          Type.Object(
            {
              timeSlices: Type.Object(
                {
                  every: Type.Optional(
                    Duration({ min: '1m', max: '1h', default: '1m', description: 'length of a slice, whole minutes' })
                  ),
                  target: Type.Optional(
                    Target({ description: 'share of good events a slice needs; default: the target' })
                  )
                },
                { ...closed, description: 'bad slices of all slices; uneven traffic distorts it' }
              )
            },
            closed
          )
        ],
        { description: 'what the budget is counted in', default: 'requests' }
      )
    )
  },
  { ...closed, description: 'an objective in full' }
)
export type ObjectiveEntry = Static<typeof ObjectiveEntry>

const RequestLine = Type.String({
  pattern: String.raw`^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) /\S*$`,
  maxLength: 2_048,
  'x-expected': 'a method and a path, such as GET /api/items',
  examples: ['GET /api/items']
})

const Load = Type.Object(
  {
    url: HttpUrl('where load is sent: a staging address, never production'),
    requests: Type.Array(
      Type.Union([
        RequestLine,
        Type.Object(
          {
            method: Type.Optional(Type.String({ ...Method, default: 'GET' })),
            path: Type.String({
              pattern: String.raw`^/\S*$`,
              maxLength: 2_048,
              'x-expected': 'a path, such as /api/items'
            }),
            weight: Type.Optional(Type.Number({ minimum: 0.001, maximum: 1_000, default: 1 })),
            body: Type.Optional(Type.String({ maxLength: 65_536 }))
          },
          closed
        )
      ]),
      { minItems: 1, maxItems: 1_000, description: 'what is sent, mixed by weight' }
    ),
    headers: Type.Optional(Headers),
    secretHeaders: Type.Optional(SecretHeaders),
    timeout: Type.Optional(
      Duration({ min: '100ms', max: '1m', default: '10s', description: 'a slower answer is a failure' })
    ),
    maxRate: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1_000_000, default: 1_000, description: 'never more arrivals per second' })
    )
  },
  { ...closed, description: 'how a load test of this service looks' }
)

export const Routes = Type.Object(
  {
    groups: Type.Optional(
      Type.Array(PathPattern('a path pattern'), {
        maxItems: 500,
        description: 'the first that matches names the group'
      })
    ),
    cap: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1_000, default: 100, description: 'most groups kept; the rest is `other`' })
    )
  },
  { ...closed, description: 'how paths are grouped for people; objectives are exact whatever stands here' }
)

export const ServiceEntry = Type.Object(
  {
    name: NameText('unique; the name in URLs'),
    title: Type.Optional(Line('for people; default: the name')),
    description: Type.Optional(Line('what it does', 2_000)),
    owner: Type.Optional(Line('who is asked about it')),
    signals: Type.Optional(Type.Array(Signal, { maxItems: 100, description: 'where its events come from' })),
    promise: Type.Optional(Promised),
    objectives: Type.Optional(
      Type.Array(ObjectiveEntry, {
        maxItems: 100,
        description: 'objectives in full, beside the promise; [] promises nothing'
      })
    ),
    routes: Type.Optional(Routes),
    load: Type.Optional(Load),
    gate: Type.Optional(Gate),
    release: Type.Optional(ReleaseEntry)
  },
  { ...closed, description: 'a service that is watched' }
)
export type ServiceEntry = Static<typeof ServiceEntry>
