import { accessRoutes, signInRoutes } from './access.ts'
import { alertRoutes } from './alerts.ts'
import { auditRoutes } from './audit.ts'
import { gateRoutes } from './gate.ts'
import { integrationRoutes } from './integrations.ts'
import { loadRoutes } from './load-routes.ts'
import { objectiveRoutes } from './objectives.ts'
import { planRoutes } from './plan.ts'
import { releaseRoutes } from './releases.ts'
import { serviceRoutes } from './services.ts'
import { systemRoutes } from './system.ts'

/** Every route of the API. */
export const allRoutes = {
  ...systemRoutes,
  ...serviceRoutes,
  ...objectiveRoutes,
  ...alertRoutes,
  ...planRoutes,
  ...loadRoutes,
  ...gateRoutes,
  ...releaseRoutes,
  ...integrationRoutes,
  ...accessRoutes,
  ...signInRoutes,
  ...auditRoutes
}
