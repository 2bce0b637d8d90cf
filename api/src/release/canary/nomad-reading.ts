import type { ResolvedService } from '../../plan/model.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Nomad } from '../../platform/nomad/client.ts'
import { isError, nomadNotFound } from '../../platform/nomad/errors.ts'
import type { Deployment, JobVersion } from '../../platform/nomad/model.ts'
import type { Analyses } from './analyses.ts'
import type { ReleaseKeeper } from './keeper.ts'
import { endedStates, type Happening, type ReleaseRecord } from './record.ts'
import { goesBack, nameOfVersion, releaseOf, type SeenRelease } from './release-of.rules.ts'

export interface NomadReadingOptions {
  readonly keeper: ReleaseKeeper
  readonly analyses: Analyses
  readonly clock: Clock
  /** A client for a namespace. */
  readonly nomadOf: (namespace: string) => Nomad
}

/** The latest deployments of a job that are looked at. */
const deploymentsRead = 5

/** Brings releases up to what Nomad says of their jobs. Reading again adds nothing that is known. */
export class NomadReading {
  readonly #options: NomadReadingOptions

  constructor(options: NomadReadingOptions) {
    this.#options = options
  }

  /** Reads the job of a service. Throws the coded errors of the client; a job that is not there has no releases. */
  async read(service: ResolvedService): Promise<void> {
    const { keeper, nomadOf, clock } = this.#options
    const { job, namespace } = service.release!.nomad!
    const nomad = nomadOf(namespace)
    try {
      const [deployments, versions] = await Promise.all([nomad.jobDeployments(job), nomad.jobVersions(job)])
      for (const deployment of deployments.slice(0, deploymentsRead).toReversed()) {
        const known = await keeper.store.byDeployment(deployment.id)
        if (known && endedStates.has(known.state)) continue
        const allocations = await nomad.deploymentAllocations(deployment.id)
        const seen = releaseOf({ deployment, allocations, versions, nowMs: clock.nowMs() })
        if (seen) await this.#merge(service, { deployment, seen, known })
        else await this.#markReverted(service, deployment, versions)
      }
    } catch (error) {
      if (!isError(error, nomadNotFound)) throw error
    }
  }

  async #merge(
    service: ResolvedService,
    { deployment, seen, known }: { deployment: Deployment; seen: SeenRelease; known: ReleaseRecord | null }
  ): Promise<void> {
    const { keeper, analyses, clock } = this.#options
    const { environment } = service.release!
    const nowMs = clock.nowMs()
    const before = known ?? (await this.#announced(service.name, environment, seen.version))
    const baseline = seen.state === 'canary' && !before?.analysis ? seen.previousVersion : null
    const release: ReleaseRecord = {
      id: before?.id ?? `nomad-${deployment.id}`,
      service: service.name,
      environment,
      version: seen.version,
      previousVersion: seen.previousVersion,
      source: before?.source ?? 'nomad',
      state: seen.state,
      text: (seen.state === 'canary' && before && analyses.sentence(before.id)) || seen.text,
      startedMs: before?.startedMs ?? seen.startedMs,
      endedMs: seen.ended ? nowMs : null,
      nomad: {
        job: deployment.job,
        namespace: deployment.namespace,
        jobVersion: deployment.jobVersion,
        deployment: deployment.id
      },
      analysis: baseline === null ? (before?.analysis ?? null) : analyses.begin(service, baseline, deployment),
      verdict: before?.verdict ?? null,
      held: before?.held ?? false
    }
    const began: Happening[] =
      baseline === null
        ? []
        : [{ key: 'analysis', atMs: nowMs, kind: 'analysis', text: `compared with ${baseline} from now on` }]
    await keeper.save(release, [...seen.happenings, ...began], before)
    if (seen.ended) analyses.forget(release.id)
  }

  /** A release that was announced and not yet seen in Nomad. */
  async #announced(service: string, environment: string, version: string): Promise<ReleaseRecord | null> {
    const known = await this.#options.keeper.store.ofVersion(service, environment, version)
    return known && known.nomad === null && !endedStates.has(known.state) ? known : null
  }

  /** A deployment that goes back has ended well: what it went back from is reverted. */
  async #markReverted(
    service: ResolvedService,
    deployment: Deployment,
    versions: readonly JobVersion[]
  ): Promise<void> {
    const { keeper, clock } = this.#options
    const version = versions.find((each) => each.version === deployment.jobVersion)
    if (deployment.status !== 'successful' || !version || !goesBack(version, versions)) return
    const { environment } = service.release!
    const releases = await keeper.store.list({ service: service.name, environment, limit: 10 })
    const left = releases.find(({ nomad }) => nomad?.jobVersion === deployment.jobVersion - 1)
    if (left?.state !== 'failed' && left?.state !== 'promoted') return
    const text = `back to ${nameOfVersion(version)}: ${deployment.description}`
    await keeper.save({ ...left, state: 'reverted', text }, [
      { key: 'reverted', atMs: clock.nowMs(), kind: 'reverted', text }
    ])
  }
}
