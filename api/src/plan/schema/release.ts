import { Type, type Static } from 'typebox'
import { Choice, Duration, HttpUrl, Percent, SecretName, closed } from './words.ts'

const jobId = Type.String({
  pattern: String.raw`^[^\s/]{1,128}$`,
  description: 'id of the job in Nomad',
  'x-expected': 'the id of a job, such as shop-api',
  examples: ['shop-api']
})

/** How releases of a service are seen, judged and acted on. */
export const ReleaseEntry = Type.Object(
  {
    environment: Type.Optional(
      Type.String({
        pattern: '^[a-z0-9][a-z0-9-]{0,62}$',
        default: 'production',
        description: 'the environment this Plimsoll watches',
        'x-expected': 'a name of small letters, digits and dashes, such as production',
        examples: ['production']
      })
    ),
    nomad: Type.Optional(
      Type.Object(
        {
          job: jobId,
          namespace: Type.Optional(
            Type.String({
              pattern: '^[A-Za-z0-9-]{1,128}$',
              default: 'default',
              description: 'where the job runs',
              'x-expected': 'the name of a namespace of Nomad, such as default'
            })
          )
        },
        { ...closed, description: 'the job whose deployments are its releases' }
      )
    ),
    webhook: Type.Optional(
      Type.Object(
        {
          url: Type.Optional(HttpUrl('where decisions are sent')),
          urlSecret: Type.Optional(SecretName('where that address is found, when it is a secret')),
          signingSecret: Type.Optional(SecretName('what decisions are signed with'))
        },
        { ...closed, description: 'who promotes or fails a release that Nomad does not run' }
      )
    ),
    act: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'promote and fail by evidence; otherwise only say what would be done'
      })
    ),
    warmUp: Type.Optional(
      Duration({
        min: '0s',
        max: '1h',
        default: '30s',
        description: 'time after a canary is healthy that does not count'
      })
    ),
    soak: Type.Optional(
      Duration({ min: '1m', max: '7d', default: '5m', description: 'least time under observation before a promotion' })
    ),
    deadline: Type.Optional(
      Duration({ min: '1m', max: '7d', default: '30m', description: 'after this time it is undecided' })
    ),
    undecided: Type.Optional(
      Choice(['hold', 'promote', 'fail'], {
        default: 'hold',
        description: 'what happens then; promote only when there is next to no evidence against it'
      })
    ),
    slowdown: Type.Optional(
      Percent({ min: '0%', max: '100%', default: '10%', description: 'how much slower, in time, is tolerated' })
    ),
    slowerWithinPromise: Type.Optional(
      Choice(['fail', 'warn'], {
        default: 'fail',
        description: 'what a canary is that is slower than that and still keeps the promise'
      })
    )
  },
  { ...closed, description: 'how its releases are judged, and whether Plimsoll acts' }
)
export type ReleaseEntry = Static<typeof ReleaseEntry>
