import type { Query } from '../address.ts'

export const PLAN_VIEWS = [
  { name: 'promises', label: 'Promises' },
  { name: 'milestones', label: 'Milestones' },
  { name: 'risks', label: 'Risks' },
  { name: 'file', label: 'File' }
] as const
export type PlanView = (typeof PLAN_VIEWS)[number]['name']

/** The part of the plan an address asks for; the promises unless said. */
export const parsePlanView = (params: Query): PlanView =>
  PLAN_VIEWS.find(({ name }) => name === params.get('view'))?.name ?? 'promises'
