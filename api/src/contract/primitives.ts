import { Type, type Static } from 'typebox'

/** RFC 3339 in UTC with milliseconds: `2026-11-22T21:09:04.270Z`. */
export const Instant = Type.String({ format: 'date-time', description: 'RFC 3339, UTC' })

/** A share of a whole, 0 to 1; never a percentage. */
export const Ratio = Type.Number({ minimum: 0, maximum: 1, description: 'share of a whole, 0 to 1' })

export const Count = Type.Integer({ minimum: 0, description: 'count' })

export const DurationMs = Type.Number({ minimum: 0, description: 'milliseconds' })

export const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()])

/** Names of services, objectives, milestones and probes. */
export const Name = Type.String({
  pattern: '^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$',
  description: 'lower-case letters, digits, dot, dash and underscore; 1 to 64 characters'
})

/** The five states of every judgement. Nothing measured is neither success nor failure. */
export const State = Type.Union(
  [
    Type.Literal('pass'),
    Type.Literal('fail'),
    Type.Literal('warn'),
    Type.Literal('not_enough_evidence'),
    Type.Literal('could_not_measure')
  ],
  { description: 'pass, fail, warn, not_enough_evidence or could_not_measure' }
)
export type State = Static<typeof State>

export const TrafficClassName = Type.Union([Type.Literal('user'), Type.Literal('synthetic'), Type.Literal('load')])

/** Why a judgement is what it is, for a person and for a program. */
export const Reason = Type.Object(
  {
    code: Type.String({ description: 'stable, lower_snake_case' }),
    text: Type.String({ description: 'one sentence for a person, numbers included' }),
    rule: Type.Optional(Type.String({ description: 'the rule that was applied' })),
    limit: Type.Optional(Type.Number()),
    value: Type.Optional(Type.Number()),
    interval: Type.Optional(Type.Tuple([Type.Number(), Type.Number()], { description: '95 % interval of the value' })),
    unit: Type.Optional(Type.String({ description: 'unit of limit, value and interval' })),
    samples: Type.Optional(Count),
    window: Type.Optional(Type.String({ description: 'for example 30d or 2026-11' })),
    source: Type.Optional(Type.String()),
    freshAt: Type.Optional(Instant),
    next: Type.Optional(Type.String({ description: 'what to do, or how long until more is known' }))
  },
  { $id: 'Reason', description: 'Why a judgement is what it is' }
)
export type Reason = Static<typeof Reason>

/** RFC 9457 problem details. */
export const Problem = Type.Object(
  {
    type: Type.String({ description: 'URI reference of the kind of problem' }),
    title: Type.String(),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    code: Type.String({ description: 'stable code, PLIMSOLL_…' }),
    detail: Type.String(),
    hint: Type.Optional(Type.String({ description: 'what would have worked' })),
    instance: Type.Optional(Type.String()),
    requestId: Type.String(),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          path: Type.String({ description: 'JSON pointer, header or query name' }),
          text: Type.String(),
          line: Type.Optional(Type.Integer()),
          column: Type.Optional(Type.Integer()),
          found: Type.Optional(Type.String()),
          expected: Type.Optional(Type.String())
        })
      )
    )
  },
  { $id: 'Problem', description: 'RFC 9457 problem details' }
)
export type Problem = Static<typeof Problem>

export const ServiceParams = Type.Object({ service: Name })

/** Range and step of a time series. Absent: the last hour; step chosen so that at most 720 points come back. */
export const RangeQuery = Type.Object({
  from: Type.Optional(Instant),
  to: Type.Optional(Instant),
  step: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,4}(s|m|h|d)$', description: 'for example 10s, 1m, 1h' }))
})

/** Columns share one time axis: value i belongs to [fromAt + i × stepMs, + stepMs). Null: nothing measured. */
export const seriesAxis = {
  fromAt: Instant,
  toAt: Instant,
  stepMs: DurationMs
}
export const CountColumn = Type.Array(Count)
export const NumberColumn = Type.Array(Nullable(Type.Number()))

export const PageQuery = {
  cursor: Type.Optional(Type.String({ maxLength: 256 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500 }))
}
export const nextCursor = Nullable(Type.String())
