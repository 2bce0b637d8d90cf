import { Type, type Static } from 'typebox'
import { MaintenanceEntry, MilestoneEntry, ReceiverEntry, RiskEntry } from './delivery.ts'
import { Gate } from './gate.ts'
import { Promised, ServiceEntry, Window } from './services.ts'
import { Duration, Line, closed } from './words.ts'

export const planFormat = 'plimsoll/v1'

const Defaults = Type.Object(
  {
    owner: Type.Optional(Line('of services that name none')),
    window: Type.Optional(Window),
    promise: Type.Optional(Promised),
    gate: Type.Optional(Gate),
    evidence: Type.Optional(
      Duration({
        min: '1m',
        max: '400d',
        description: 'how long the result of an acceptance check counts',
        examples: ['1d']
      })
    )
  },
  { ...closed, description: 'what holds where a service says nothing' }
)

/** The plan file, as people write it. */
export const PlanDocument = Type.Object(
  {
    plan: Type.Literal(planFormat, { description: 'the format of this file' }),
    title: Type.Optional(Line('of the whole plan')),
    defaults: Type.Optional(Defaults),
    services: Type.Optional(Type.Array(ServiceEntry, { maxItems: 2_000, description: 'what is watched' })),
    maintenance: Type.Optional(Type.Array(MaintenanceEntry, { maxItems: 10_000, description: 'planned bands' })),
    risks: Type.Optional(Type.Array(RiskEntry, { maxItems: 1_000, description: 'what could go wrong' })),
    milestones: Type.Optional(
      Type.Array(MilestoneEntry, { maxItems: 1_000, description: 'what will be there, and how it shows' })
    ),
    receivers: Type.Optional(Type.Array(ReceiverEntry, { maxItems: 100, description: 'who is told' }))
  },
  {
    ...closed,
    title: 'Plimsoll plan',
    description: 'What is watched, what is promised, and what is planned'
  }
)
export type PlanDocument = Static<typeof PlanDocument>
