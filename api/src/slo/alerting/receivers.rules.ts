import type { Receiver } from '../../platform/notify.ts'
import type { ResolvedReceiver } from '../../plan/model.ts'

/**
 * The receivers of a plan as the notifier knows them.
 *
 * @param secrets - values of the secrets that a plan may name
 */
export const receiversOf = (
  receivers: readonly ResolvedReceiver[],
  secrets: Readonly<Record<string, string>>
): Receiver[] =>
  receivers.map(({ name, webhook, severities, services, sendResolved }) => ({
    name,
    url: webhook.url ?? secrets[webhook.urlSecret ?? ''] ?? null,
    headers: {
      ...webhook.headers,
      ...Object.fromEntries(
        Object.entries(webhook.secretHeaders).map(([header, secret]) => [header, secrets[secret] ?? ''])
      )
    },
    secret: secrets[webhook.signingSecret ?? ''] ?? '',
    timeoutMs: webhook.timeoutMs,
    // whoever was told of a page hears that it is a ticket now
    wants: ({ service = '', severity = '', event }) =>
      (event === 'eased' || severities.some((wanted) => wanted === severity)) &&
      (services === null || services.includes(service)) &&
      (event !== 'resolved' || sendResolved)
  }))
