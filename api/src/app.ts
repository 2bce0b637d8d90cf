import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import type { Clock } from './platform/clock.ts'
import { databasePlugin } from './platform/database/plugin.ts'
import { accessPlugin } from './platform/access/plugin.ts'
import { accessRoutesPlugin } from './platform/access/routes.ts'
import { signInRoutesPlugin } from './platform/access/sign-in-routes.ts'
import { auditPlugin, auditRoutesPlugin } from './platform/audit/plugin.ts'
import { bodiesPlugin } from './platform/http/bodies.ts'
import { docsPlugin } from './platform/http/docs.ts'
import { errorsPlugin } from './platform/http/errors-plugin.ts'
import { etagPlugin } from './platform/http/etag.ts'
import { closingPlugin } from './platform/http/closing.ts'
import { identityPlugin } from './platform/http/identity.ts'
import { liveRoutePlugin } from './platform/http/live-route.ts'
import { pressurePlugin, type PressureOptions } from './platform/http/pressure.ts'
import { rateLimitPlugin } from './platform/http/rate-limit.ts'
import { readinessPlugin } from './platform/http/readiness.ts'
import { requestLogPlugin } from './platform/http/request-log.ts'
import { routeTablePlugin } from './platform/http/route-table.ts'
import { securityHeadersPlugin } from './platform/http/security-headers.ts'
import { serverOptions } from './platform/http/server-options.ts'
import { systemRoutesPlugin } from './platform/http/system-routes.ts'
import { validationPlugin } from './platform/http/validation.ts'
import { webPlugin } from './platform/http/web.ts'
import { groundPlugin, type GroundOptions } from './platform/ground.ts'
import { instancesPlugin } from './platform/instances.ts'
import { leasePlugin } from './platform/lease.ts'
import { liveRelayPlugin } from './platform/live-relay.ts'
import { metricsPlugin } from './platform/metrics.ts'
import { noticesPlugin } from './platform/notices.ts'
import { notifyPlugin } from './platform/notify.ts'
import { retentionPlugin } from './platform/retention.ts'
import { signingPlugin } from './platform/signing/plugin.ts'
import type { Signer } from './platform/signing/signer.ts'
import { vaultPlugin } from './platform/vault/plugin.ts'
import type { VaultStatus } from './platform/vault/vault.ts'
import { planPlugin } from './plan/plugin.ts'
import { signalsPlugin } from './signals/plugin.ts'
import { sloPlugin } from './slo/plugin.ts'
import { loadPlugin } from './load/plugin.ts'
import { integrationsPlugin } from './release/integrations/plugin.ts'
import { gatePlugin } from './release/gate/plugin.ts'
import { canaryPlugin } from './release/canary/plugin.ts'

export interface AppOptions extends GroundOptions {
  readonly logger?: FastifyBaseLogger
  /** Metrics of the whole process: only where one application is one process. */
  readonly processMetrics?: boolean
  readonly pressure?: PressureOptions
  /** Default: a key in DATA_DIR. */
  readonly signer?: Signer | null
  /** How it stands with Vault. Default: nothing comes from there. */
  readonly vault?: VaultStatus | null
  /** What the lease is timed by. Default: `clock`; a test that moves that one gives another, for the database's stays. */
  readonly leaseClock?: Clock
}

/** The application: everything but the process. Testable without a port. */
export async function buildApp({
  logger,
  processMetrics = false,
  pressure = {},
  signer = null,
  vault = null,
  leaseClock,
  ...ground
}: AppOptions): Promise<FastifyInstance> {
  const app = fastify(serverOptions(ground.settings, logger))

  // the ground
  await app.register(groundPlugin, ground)
  await app.register(metricsPlugin, { ofProcess: processMetrics })
  await app.register(closingPlugin)
  await app.register(routeTablePlugin)
  await app.register(readinessPlugin)
  await app.register(databasePlugin)
  await app.register(noticesPlugin)
  await app.register(leasePlugin, { clock: leaseClock ?? ground.clock })
  await app.register(instancesPlugin)
  await app.register(liveRelayPlugin)
  await app.register(retentionPlugin)
  await app.register(vaultPlugin, { status: vault })
  await app.register(signingPlugin, { signer })
  await app.register(notifyPlugin)

  // what every request passes, in this order
  await app.register(pressurePlugin, pressure)
  await app.register(requestLogPlugin)
  await app.register(securityHeadersPlugin)
  await app.register(identityPlugin)
  await app.register(auditPlugin)
  await app.register(accessPlugin)
  await app.register(rateLimitPlugin)
  await app.register(bodiesPlugin)
  await app.register(validationPlugin)
  await app.register(etagPlugin)
  await app.register(errorsPlugin)

  // the rooms, from the ground up
  await app.register(systemRoutesPlugin)
  await app.register(liveRoutePlugin)
  await app.register(accessRoutesPlugin)
  await app.register(signInRoutesPlugin)
  await app.register(auditRoutesPlugin)
  await app.register(planPlugin)
  await app.register(signalsPlugin)
  await app.register(sloPlugin)
  await app.register(loadPlugin)
  await app.register(gatePlugin)
  await app.register(canaryPlugin)
  await app.register(integrationsPlugin)

  // what people see
  await app.register(docsPlugin)
  await app.register(webPlugin)

  return app
}
