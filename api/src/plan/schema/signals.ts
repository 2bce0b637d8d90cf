import { Type } from 'typebox'
import {
  Choice,
  Duration,
  Headers,
  HostPattern,
  HttpUrl,
  Line,
  ListenAddress,
  Method,
  NameText,
  OneOrMany,
  PathPattern,
  RegularExpression,
  SecretHeaders,
  StatusRange,
  closed
} from './words.ts'

const requestFilter = {
  host: Type.Optional(OneOrMany(HostPattern, 'only requests to these hosts; default: all')),
  path: Type.Optional(OneOrMany(PathPattern('a path pattern'), 'only these paths; default: all')),
  methods: Type.Optional(OneOrMany(Method, 'only these methods; default: all', 16)),
  exclude: Type.Optional(
    Type.Object(
      {
        paths: Type.Optional(OneOrMany(PathPattern('a path pattern'), 'paths that are not counted')),
        methods: Type.Optional(OneOrMany(Method, 'methods that are not counted', 16))
      },
      { ...closed, description: 'requests that are not counted although they pass the filters' }
    )
  )
}

const releaseHeader = Type.Optional(
  Type.String({
    pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$",
    default: 'X-Release',
    description: 'response header that names the release',
    'x-expected': 'the name of a header, such as X-Release'
  })
)

const CaddyLog = Type.Object(
  {
    file: Line('the JSON access log that Caddy writes; a relative path is relative to the plan file', 4_096),
    ...requestFilter,
    startAt: Type.Optional(
      Choice(['beginning', 'end'], {
        default: 'beginning',
        description: 'where a file begins that was never read before'
      })
    ),
    releaseHeader
  },
  { ...closed, description: "Caddy's JSON access log in a file: exact across rotation and restart" }
)

const CaddyLogTcp = Type.Object(
  {
    listen: ListenAddress("where Caddy's `output net` connects to; several services may share it"),
    ...requestFilter,
    releaseHeader
  },
  { ...closed, description: "Caddy's JSON access log over TCP; lines sent while Plimsoll is away are lost" }
)

const StatusText = StatusRange('statuses')
const StatusNumber = Type.Integer({ minimum: 100, maximum: 599 })

/** What an answer has to be; probes and acceptance checks share it. */
export const ExpectedStatus = Type.Union(
  [StatusNumber, StatusText, Type.Array(Type.Union([StatusNumber, StatusText]), { minItems: 1, maxItems: 20 })],
  { description: 'statuses that are right: 200, 2xx, 200-204 or a list of them', default: '2xx' }
)

export const ExpectedBody = Type.Union(
  [
    Line('text that the body contains', 4_096),
    Type.Object(
      {
        contains: Type.Optional(Line('text that the body contains', 4_096)),
        matches: Type.Optional(RegularExpression('expression that the body matches, flags u and s'))
      },
      { ...closed, minProperties: 1, maxProperties: 1 }
    )
  ],
  { description: 'what the first 64 KiB of the body have to hold' }
)

const ProbeInFull = Type.Object(
  {
    url: HttpUrl('what is asked for'),
    every: Type.Optional(Duration({ min: '1s', max: '1h', default: '10s', description: 'time between two probes' })),
    timeout: Type.Optional(
      Duration({ min: '100ms', max: '1m', default: '5s', description: 'a slower answer is a failure; at most `every`' })
    ),
    method: Type.Optional(Type.String({ ...Method, default: 'GET' })),
    headers: Type.Optional(Headers),
    secretHeaders: Type.Optional(SecretHeaders),
    body: Type.Optional(Type.String({ maxLength: 65_536, description: 'request body' })),
    expect: Type.Optional(
      Type.Object(
        { status: Type.Optional(ExpectedStatus), body: Type.Optional(ExpectedBody) },
        {
          ...closed,
          description: 'what makes an answer right'
        }
      )
    ),
    tls: Type.Optional(
      Type.Object(
        {
          verify: Type.Optional(
            Type.Boolean({ default: true, description: 'whether the certificate has to be valid' })
          ),
          expiryWarning: Type.Optional(
            Duration({
              min: '1h',
              max: '90d',
              default: '14d',
              description: 'how long before its end a certificate is warned about'
            })
          )
        },
        closed
      )
    ),
    redirects: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 10,
        default: 5,
        description: 'redirects followed; 0: a redirect is the answer'
      })
    ),
    family: Type.Optional(Choice(['any', 'ipv4', 'ipv6'], { default: 'any', description: 'which addresses are tried' }))
  },
  closed
)

const Probe = Type.Union([HttpUrl('what is asked for'), ProbeInFull], {
  description: 'a request sent on a schedule; its URL alone, or in full'
})

/** `self:` and `push:` need nothing behind them. */
const Nothing = Type.Null({ description: 'all defaults' })

const SignalInFull = Type.Object(
  {
    name: Type.Optional(NameText('unique in its service; keeps what was read when signals are reordered')),
    caddyLog: Type.Optional(Type.Union([Line('the file', 4_096), CaddyLog], { description: 'an access log file' })),
    caddyLogTcp: Type.Optional(CaddyLogTcp),
    probe: Type.Optional(Probe),
    push: Type.Optional(
      Type.Union([Nothing, Type.Object({}, closed)], { description: 'events sent to POST /api/v1/events' })
    ),
    self: Type.Optional(
      Type.Union([Nothing, Type.Object(requestFilter, closed)], { description: 'the requests Plimsoll itself answers' })
    )
  },
  {
    ...closed,
    'x-later': { prometheus: "reading Prometheus is not supported yet; Caddy's log, a probe or a push can stand in" }
  }
)

/** One of the kinds, and only one. */
export const Signal = Type.Union([Choice(['self', 'push'], { description: 'without options' }), SignalInFull], {
  description: 'where events come from'
})
