import { Type } from 'typebox'
import { Environment, Verdict } from './gate.ts'
import type { Routes } from './route.ts'

const Answered = Type.Object({
  /** One for each service of the plan that names the repository; empty: the event was none that asks. */
  verdicts: Type.Array(Type.Pick(Verdict, ['id', 'service', 'version', 'environment', 'state', 'mayShip', 'text'])),
  text: Type.String()
})

export const integrationRoutes = {
  'POST /api/v1/integrations/github': {
    summary: 'Webhook of a GitHub App: a deployment protection rule is approved or rejected by the gate',
    description: 'Believed by its signature (X-Hub-Signature-256), so it needs no token.',
    tag: 'integrations',
    access: 'public',
    priority: 'high',
    consumes: ['application/json'],
    status: 202,
    reply: Answered
  },
  'POST /api/v1/integrations/gitlab': {
    summary: 'External status check of GitLab: passed or failed by the gate',
    description: 'Believed by its signature (X-Gitlab-Signature), so it needs no token.',
    tag: 'integrations',
    access: 'public',
    priority: 'high',
    query: Type.Object({ environment: Type.Optional(Environment) }),
    consumes: ['application/json'],
    status: 202,
    reply: Answered
  }
} as const satisfies Routes
