import type { Reason } from '../../../api/src/contract/primitives.ts'
import type { PerfCheck } from './report.ts'

/**
 * A machine on which the sender could not keep its rate is too busy to blame a server for being late
 * or for shedding load (503) at saturation, seconds later: that is told as not measured. Replies that
 * are broken in any other way are the server's all the same.
 */
export const excuseBusyMachine = (checks: readonly PerfCheck[]): PerfCheck[] => {
  const busy = checks.some(({ run }) => run?.kind === 'paced' && run.sender?.limited === true)
  return checks.map((check) => {
    const { run, state, reasons } = check
    if (!busy || state !== 'fail' || run?.kind !== 'saturation') return check
    const broken = run.bad - (run.statuses['503'] ?? 0)
    if (broken > run.promised.errorRatio * run.total) return check
    return { ...check, state: 'could_not_measure', reasons: [tooBusy, ...reasons] }
  })
}

const tooBusy: Reason = {
  code: 'busy_machine',
  text: 'this machine was too busy to send at a steady rate: what was late or shed may be its doing',
  next: 'run it again on a machine that does nothing else'
}
