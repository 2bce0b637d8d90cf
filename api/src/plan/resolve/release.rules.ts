import type { ResolvedRelease } from '../model.ts'
import { writeDuration, writePercent } from '../quantities.rules.ts'
import type { ReleaseEntry } from '../schema/release.ts'
import { durationMs, ratioOf } from './values.rules.ts'

/** How releases are judged, with every default filled. */
export const resolveRelease = (entry: ReleaseEntry): ResolvedRelease => ({
  environment: entry.environment ?? 'production',
  nomad: entry.nomad ? { job: entry.nomad.job, namespace: entry.nomad.namespace ?? 'default' } : null,
  webhook: entry.webhook
    ? {
        url: entry.webhook.url ?? null,
        urlSecret: entry.webhook.urlSecret ?? null,
        signingSecret: entry.webhook.signingSecret ?? null
      }
    : null,
  act: entry.act ?? false,
  warmUpMs: durationMs(entry.warmUp ?? '30s'),
  soakMs: durationMs(entry.soak ?? '5m'),
  deadlineMs: durationMs(entry.deadline ?? '30m'),
  undecided: entry.undecided ?? 'hold',
  slowdownRatio: ratioOf(entry.slowdown ?? '10%'),
  slowerWithinPromise: entry.slowerWithinPromise ?? 'fail'
})

/** The way back, in the plan's words. */
export const toRelease = (release: ResolvedRelease): ReleaseEntry => ({
  environment: release.environment,
  ...(release.nomad && { nomad: { ...release.nomad } }),
  ...(release.webhook && {
    webhook: {
      ...(release.webhook.url !== null && { url: release.webhook.url }),
      ...(release.webhook.urlSecret !== null && { urlSecret: release.webhook.urlSecret }),
      ...(release.webhook.signingSecret !== null && { signingSecret: release.webhook.signingSecret })
    }
  }),
  act: release.act,
  warmUp: writeDuration(release.warmUpMs),
  soak: writeDuration(release.soakMs),
  deadline: writeDuration(release.deadlineMs),
  undecided: release.undecided,
  slowdown: writePercent(release.slowdownRatio),
  slowerWithinPromise: release.slowerWithinPromise
})
