import fp from 'fastify-plugin'
import { messageOf } from '../../platform/errors.ts'
import { itself } from '../../platform/access/caller.ts'
import { addressGuard } from '../../platform/guard/address-guard.ts'
import { Gauge } from '../../platform/metrics.ts'
import { createNomad, type Nomad } from '../../platform/nomad/client.ts'
import { nomadFromEnvironment } from '../../platform/nomad/options.ts'
import type { Attempt } from '../../platform/notify.rules.ts'
import { postWebhook, receiverName } from '../../platform/webhook.ts'
import { openPages } from '../../slo/alerting/alert-store.ts'
import type { Told } from './acting.ts'
import { endedStates, type ReleaseRecord } from './record.ts'
import { Releases } from './releases.ts'
import { canaryRoutes } from './routes.ts'
import { ReleaseStore } from './store.ts'

declare module 'fastify' {
  interface FastifyInstance {
    releases: Releases
  }
}

/** Logs are read and counted within this, besides the interval of flushes. */
const lateMs = 2_000

/** Releases and their canaries: watched in Nomad, judged by the access log, promoted or failed by evidence. */
export const canaryPlugin = fp(
  async (app) => {
    const { clock, database, lease, live, log, plan, secrets, settings, signals } = app
    const clients = new Map<string, Nomad>()
    const nomadOf = (namespace: string): Nomad => {
      const known = clients.get(namespace)
      if (known) return known
      const made = createNomad({ ...nomadFromEnvironment(environmentOf(settings)), namespace, clock })
      clients.set(namespace, made)
      return made
    }
    const closing = new AbortController()
    const releases = new Releases({
      store: new ReleaseStore(database.db),
      clock,
      lease,
      recent: signals.recent,
      log,
      nomadOf,
      isPaged: async (service) => (await openPages(database.db, service)).length > 0,
      settleMs: settings.FLUSH_INTERVAL_MS + lateMs,
      onChange: (release) => live.share('release', liveOf(release)),
      onActed: async (release, { action, reason, state, text }) => {
        const { id, service: subject, version, environment } = release
        await app.audit.record({
          caller: itself,
          action: `release.${action}`,
          subject,
          detail: { release: id, version, environment, reason, state, text }
        })
      },
      tellWebhook: async ({ release: how }, release, action) => {
        const { url, urlSecret, signingSecret } = how!.webhook!
        const named = (name: string | null) => (name === null ? undefined : secrets.settings.planSecrets[name])
        const address = url ?? named(urlSecret) ?? null
        const { id, service, version, previousVersion, environment } = release
        const body = {
          release: id,
          service,
          environment,
          version,
          previousVersion,
          action: action.action,
          reason: action.reason,
          by: action.by
        }
        const attempt = await postWebhook(
          {
            name: address === null ? 'unset' : receiverName(address),
            url: address,
            headers: {},
            secret: named(signingSecret) ?? '',
            timeoutMs: settings.WEBHOOK_TIMEOUT_MS,
            wants: () => true
          },
          { id: action.id, dedupKey: action.id, body: JSON.stringify(body) },
          { clock, guard: addressGuard(settings.ALLOW_LINK_LOCAL) },
          closing.signal
        )
        return toldBy(attempt)
      }
    })
    app.decorate('releases', releases)

    new Gauge({
      name: 'plimsoll_releases_unwatched',
      help: 'Namespaces of Nomad whose releases cannot be watched now',
      registers: [app.metrics],
      collect() {
        this.set(releases.trouble.size)
      }
    })
    app.gate.provideReleases({
      inFlight: async (service, environment) => {
        const open = await releases.store.list({ service, environment, open: true, limit: 20 })
        return open
          .filter(({ state }) => state !== 'announced')
          .map(({ version, text, startedMs }) => ({ version, text, startedAt: new Date(startedMs).toISOString() }))
      },
      outcome: async (service, environment, version) => {
        const release = await releases.store.ofVersion(service, environment, version)
        return release && endedStates.has(release.state) ? release.state : null
      }
    })
    app.gate.onVerdict((verdict) => releases.takeVerdict(verdict))

    let forgetPlan = (): void => {}
    app.addHook('onReady', async () => {
      releases.take(plan.current().services)
      forgetPlan = plan.onChange((now) => releases.take(now.services))
      releases.start()
    })
    app.addHook('onClose', async () => {
      forgetPlan()
      closing.abort()
      await releases.close().catch((error: unknown) => log.warn({ reason: messageOf(error) }, 'releases ended badly'))
      await Promise.all([...clients.values()].map((client) => client.close()))
    })
    await app.register(canaryRoutes)
  },
  { name: 'canary', dependencies: ['ground', 'access', 'audit', 'plan', 'signals', 'slo', 'gate'] }
)

/** What an attempt to tell a webhook came to: a refusal that will not change is not tried again. */
const toldBy = ({ status, error }: Attempt): Told => {
  if (status === null) return { kind: 'not_yet', text: error ?? 'no reply' }
  if (status < 300) return { kind: 'taken', text: `the webhook took it: ${status}` }
  const mayPass = status >= 500 || [408, 425, 429].includes(status)
  return { kind: mayPass ? 'not_yet' : 'refused', text: `the webhook refused it: ${status}` }
}

/** The settings that say where Nomad is; an empty one is one that is not set. */
const environmentOf = (settings: object): Record<string, string | undefined> =>
  Object.fromEntries(
    Object.entries(settings).flatMap(([name, value]) =>
      name.startsWith('NOMAD_') && typeof value === 'string' && value !== '' ? [[name, value]] : []
    )
  )

const liveOf = ({ id, service, version, environment, state }: ReleaseRecord) => ({
  id,
  service,
  version,
  environment,
  state
})
