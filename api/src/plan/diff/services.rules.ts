import { isDeepStrictEqual } from 'node:util'
import type { PlanChange } from '../../contract/plan.ts'
import type { ResolvedService, ResolvedSignal } from '../model.ts'
import type { ResolvedObjective } from '../objective.ts'
import { toObjective, toService, toSignal } from '../resolve/document.rules.ts'
import { fieldChanges, match, plural, show } from './lists.rules.ts'

const nothing = 'nothing that is counted or judged'

export function diffServices(from: readonly ResolvedService[], to: readonly ResolvedService[]): PlanChange[] {
  const { added, removed, both } = match(from, to, ({ name }) => name)
  return [
    ...removed.map(({ name }) => ({
      kind: 'removed' as const,
      path: `services/${name}`,
      text: `${name} is no longer watched`,
      effect: 'its counts stay until they expire; its objectives end with their last judgement'
    })),
    ...added.map(({ name, signals, objectives }) => ({
      kind: 'added' as const,
      path: `services/${name}`,
      text: `${name} is watched: ${plural(signals.length, 'signal')}, ${plural(objectives.length, 'objective')}`,
      effect: 'counting begins now; a log that is read from its beginning brings its past'
    })),
    ...both.flatMap(({ before, after }) => diffService(before, after))
  ]
}

function diffService(before: ResolvedService, after: ResolvedService): PlanChange[] {
  const path = `services/${after.name}`
  const { signals: _s, objectives: _o, ...old } = toService(before)
  const { signals: _t, objectives: _p, ...now } = toService(after)
  return [
    ...fieldChanges(old, now, { path, name: after.name, effect: serviceEffect }),
    ...diffSignals(before.signals, after.signals, path, after.name),
    ...diffObjectives(before.objectives, after.objectives, path, after.name)
  ]
}

const serviceEffect = (field: string): string =>
  ({
    routes: 'requests are grouped anew from now on; groups of the past keep their names',
    load: 'the next load run sends this',
    gate: 'the next release is judged by this',
    release: 'the next canary is judged by this; act and undecided count at once'
  })[field] ?? nothing

function diffSignals(
  before: readonly ResolvedSignal[],
  after: readonly ResolvedSignal[],
  path: string,
  service: string
): PlanChange[] {
  const { added, removed, both } = match(before, after, ({ id }) => id)
  return [
    ...removed.map((signal) => ({
      kind: 'removed' as const,
      path: `${path}/signals/${signal.id}`,
      text: `${service} no longer hears from ${describe(signal)}`,
      effect: 'what it has counted stays'
    })),
    ...added.map((signal) => ({
      kind: 'added' as const,
      path: `${path}/signals/${signal.id}`,
      text: `${service} hears from ${describe(signal)}`,
      effect: 'its events count from now on'
    })),
    ...both
      .filter((pair) => !isDeepStrictEqual(pair.before, pair.after))
      .map((pair) => ({
        kind: 'changed' as const,
        path: `${path}/signals/${pair.after.id}`,
        text: `${service} hears from ${describe(pair.after)} in another way`,
        from: show(toSignal(pair.before)),
        to: show(toSignal(pair.after)),
        effect: 'the source starts anew; what it has counted stays'
      }))
  ]
}

function describe(signal: ResolvedSignal): string {
  switch (signal.kind) {
    case 'caddyLog':
      return `the access log ${signal.file}`
    case 'caddyLogTcp':
      return `Caddy at ${signal.listen.host} port ${signal.listen.port}`
    case 'probe':
      return `a probe of ${signal.url}`
    case 'push':
      return 'pushed events'
    case 'self':
      return 'its own requests'
  }
}

function diffObjectives(
  before: readonly ResolvedObjective[],
  after: readonly ResolvedObjective[],
  path: string,
  service: string
): PlanChange[] {
  const { added, removed, both } = match(before, after, ({ name }) => name)
  return [
    ...removed.map(({ name, title }) => ({
      kind: 'removed' as const,
      path: `${path}/objectives/${name}`,
      text: `${service} no longer promises ${name} (${title})`,
      effect: 'its last revision ends; past judgements stay'
    })),
    ...added.map((objective) => ({
      kind: 'added' as const,
      path: `${path}/objectives/${objective.name}`,
      text: `${service} promises ${objective.name} (${objective.title})`,
      effect: firstCounted(objective)
    })),
    ...both.flatMap((pair) => {
      const changes = fieldChanges(toObjective(pair.before), toObjective(pair.after), {
        path: `${path}/objectives/${pair.after.name}`,
        name: `${service}/${pair.after.name}`,
        effect: objectiveEffect
      })
      // a title that is made of the promise changes with it: that goes without saying
      return changes.length > 1 ? changes.filter((change) => !change.path.endsWith('/title')) : changes
    })
  ]
}

const firstCounted = ({ thresholdMs, path }: ResolvedObjective): string => {
  if (thresholdMs === null && path === null) return 'judged over what is counted already'
  return 'judged over what is counted exactly for it: its threshold or path counts from now on, unless another objective had it already'
}

const revision = 'a new revision opens; past judgements keep their own'

const objectiveEffect = (field: string): string => {
  if (field === 'title' || field === 'description') return nothing
  if (field === 'threshold') return `${revision}. Requests are compared with this threshold from now on`
  if (field === 'path') return `${revision}. Requests to this path are counted apart from now on`
  return revision
}
