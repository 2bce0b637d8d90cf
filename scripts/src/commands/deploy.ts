import { command } from '../cli/command.ts'
import { wrongUsage } from '../cli/failure.ts'
import { deployExits, deployOptions, timeoutOf, withNomad } from '../cli/nomad-options.ts'
import { deploy as run, type Deployed } from '../deploy/deploy.ts'
import { readImage } from '../deploy/image.rules.ts'
import { readJobFile } from '../deploy/job-file.ts'
import { exitOfPhase, versionName } from '../deploy/outcome.rules.ts'

const options = {
  ...deployOptions,
  image: { type: 'string', value: 'IMAGE', required: true, description: 'what to run: registry/name@sha256:…' },
  job: { type: 'string', value: 'FILE', description: 'the job (nomad/plimsoll-api.nomad.hcl)' },
  service: { type: 'string', value: 'NAME', description: 'service of the plan that the gate judges (plimsoll)' },
  release: { type: 'string', value: 'NAME', description: 'name of the release (first 12 digits of the digest)' },
  promote: { type: 'boolean', description: 'promote the canaries as soon as they are healthy' },
  replace: { type: 'boolean', description: 'take the place of another deployment that is under way' },
  'dry-run': { type: 'boolean', description: 'ask the gate and show the plan, change nothing' },
  api: { type: 'boolean', description: 'do not use the nomad command, even when it is on PATH' }
} as const

export const deploy = command({
  noun: 'deploy',
  verb: null,
  summary: 'bring an image into an environment through Nomad, and follow it',
  options,
  examples: [
    'plimsoll deploy --env staging --image registry.example/plimsoll-api@sha256:…',
    'plimsoll deploy --env production --image registry.example/plimsoll-api@sha256:… --promote',
    'plimsoll deploy --env production --image registry.example/plimsoll-api@sha256:… --dry-run'
  ],
  exits: deployExits,
  run: ({ options: given }, context) =>
    withNomad(context, async (nomad) => {
      if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(given.env)) {
        throw wrongUsage(`--env ${given.env} is no name of an environment`, 'for example --env staging')
      }
      const image = readImage(given.image)
      const release = given.release ?? image.release
      const jobFile = await readJobFile(
        {
          file: given.job ?? 'nomad/plimsoll-api.nomad.hcl',
          environment: given.env,
          variables: { image: image.text, ...(given.release !== undefined && { release }) },
          apiOnly: given.api,
          env: context.env
        },
        nomad,
        context.signal
      )
      const { promote, replace, 'dry-run': dryRun, service = 'plimsoll' } = given
      const timeoutMs = timeoutOf(given.timeout)
      const order = {
        jobFile,
        image: image.text,
        release,
        environment: given.env,
        service,
        promote,
        replace,
        dryRun,
        timeoutMs
      }
      const deployed = await run(order, { nomad, context })
      context.output.result(documentOf(deployed, given.env), [sentence(deployed, given.env)])
      return deployed.outcome === 'followed' ? exitOfPhase[deployed.phase] : 0
    })
})

const documentOf = (deployed: Deployed, environment: string) => ({
  outcome: deployed.outcome === 'followed' ? deployed.phase : deployed.outcome,
  environment,
  job: deployed.version?.id ?? null,
  version: deployed.version?.version ?? null,
  release: deployed.version?.release ?? null,
  images: deployed.version?.images ?? [],
  deployment: deployed.outcome === 'followed' ? deployed.deployment.id : null,
  text: deployed.outcome === 'followed' ? deployed.deployment.description : null,
  troubles: deployed.outcome === 'followed' ? deployed.troubles : [],
  verdict: deployed.gate?.kind === 'verdict' ? deployed.gate.verdict : null
})

const sentence = (deployed: Deployed, environment: string): string => {
  const name = deployed.version === null ? 'the job' : versionName(deployed.version)
  switch (deployed.outcome) {
    case 'planned':
      return `a dry run: nothing was changed in ${environment}`
    case 'unchanged':
      return `${name} runs in ${environment}`
    case 'registered':
      return `${name} is handed in; this kind of job has no deployment to follow`
    case 'followed':
      return `${name} in ${environment}: ${phaseWords[deployed.phase]} (${deployed.deployment.description})`
  }
}

const phaseWords = {
  successful: 'runs',
  failed: 'failed',
  superseded: 'something else took its place',
  waiting_for_promotion:
    'its canaries are healthy and wait for a promotion: the same with --promote, or nomad deployment promote',
  paused: 'somebody paused it: nomad deployment resume goes on'
} as const
