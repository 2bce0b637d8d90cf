import { command } from '../cli/command.ts'
import { wrongUsage } from '../cli/failure.ts'
import { deployExits, deployOptions, timeoutOf, withNomad } from '../cli/nomad-options.ts'
import { exitOfPhase, versionName } from '../deploy/outcome.rules.ts'
import { rollback as run, type RolledBack } from '../deploy/rollback.ts'

const options = {
  ...deployOptions,
  job: { type: 'string', value: 'JOB', description: 'id of the job in Nomad (plimsoll-api)' },
  to: { type: 'string', value: 'VERSION', description: 'version of the job to go to (the latest stable one before)' }
} as const

export const rollback = command({
  noun: 'rollback',
  verb: null,
  summary: 'go back to what ran before, and follow it',
  options,
  examples: ['plimsoll rollback --env production', 'plimsoll rollback --env production --to 7'],
  exits: { ...deployExits, 0: 'what ran before runs again', 3: 'somebody paused it' },
  run: ({ options: given }, context) =>
    withNomad(context, async (nomad) => {
      const to = given.to === undefined ? null : versionOf(given.to)
      const rolledBack = await run(
        {
          job: given.job ?? 'plimsoll-api',
          to,
          timeoutMs: timeoutOf(given.timeout),
          say: (line) => context.output.note(line),
          signal: context.signal
        },
        nomad
      )
      const followed = rolledBack.outcome === 'followed' ? rolledBack : null
      context.output.result(
        {
          outcome: followed?.phase ?? rolledBack.outcome,
          environment: given.env,
          job: rolledBack.version.id,
          version: rolledBack.version.version,
          release: rolledBack.version.release,
          images: rolledBack.version.images,
          deployment: followed?.deployment.id ?? null,
          text: followed?.deployment.description ?? null,
          troubles: followed?.troubles ?? []
        },
        [sentence(rolledBack, given.env)]
      )
      return followed ? exitOfPhase[followed.phase] : 0
    })
})

const versionOf = (text: string): number => {
  const version = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(version)) return version
  throw wrongUsage(`--to ${text} is no version of a job`, 'nomad job history JOB lists them: 0, 1, 2, …')
}

const sentence = (rolledBack: RolledBack, environment: string): string => {
  const name = versionName(rolledBack.version)
  if (rolledBack.outcome !== 'followed') return `${name} runs in ${environment}`
  const { phase, deployment } = rolledBack
  return phase === 'successful'
    ? `${name} runs in ${environment}: rolled back`
    : `${name} in ${environment}: ${phase.replaceAll('_', ' ')} (${deployment.description})`
}
