import type { Notification } from '../../platform/notify.ts'
import type { AlertRecord } from './alert-store.ts'

/** `escalated` and `eased`: a worse or a milder severity than was told before. */
export type AlertEvent = 'opened' | 'escalated' | 'eased' | 'resolved'

/**
 * The message that receivers get. Its id says the same of the same news, whoever tells it and when: a
 * message whose storing was not heard of is not sent a second time.
 *
 * @param telling - how many messages about this alert there are with this one, 1 or more
 */
export const messageFor = (alert: AlertRecord, event: AlertEvent, telling: number): Notification => ({
  id: `${alert.id}/${telling}/${event}/${alert.severity}`,
  dedupKey: alert.dedupKey,
  body: { version: 1, event, text: textOf(alert, event), alert },
  labels: { service: alert.service, severity: alert.severity, event }
})

/** One line for a chat or a pager. */
const textOf = ({ severity, title, reasons }: AlertRecord, event: AlertEvent): string => {
  const [reason] = reasons
  if (event === 'resolved') return `resolved: ${title}`
  if (event === 'eased') return `now ${severity}: ${title}`
  return `${severity}: ${title}${reason?.next ? ` · ${reason.next}` : ''}`
}
