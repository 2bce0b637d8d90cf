import { systemClock } from '../clock.ts'
import { streamEvents, type EventBatch, type EventTopics } from './event-stream.ts'
import { NomadHttp } from './http.ts'
import type { Allocation, Deployment, Evaluation, JobVersion } from './model.ts'
import type { NomadOptions } from './options.ts'
import { readAllocation, readDeployment, readEvaluation, readJob } from './read.rules.ts'
import { watchQuery, type Seen } from './watch.ts'
import type { WireAllocation, WireDeployment, WireEvaluation, WireJob, WirePlan } from './wire.ts'
import { nomadInvalid } from './errors.ts'

export interface Registered {
  readonly evaluation: string
  readonly jobModifyIndex: number
  readonly warnings: string
}

export interface Changed {
  readonly evaluation: string | null
  /** Version to which the job went back; null when it did not. */
  readonly revertedTo: number | null
}

interface WireRegistered {
  readonly EvalID?: string
  readonly JobModifyIndex?: number
  readonly Warnings?: string
}

type Cancellable = { readonly signal?: AbortSignal | undefined }

/** What Plimsoll asks of Nomad: one way for 1.1 to 2.x. Every method throws coded errors (errors.ts). */
export type Nomad = ReturnType<typeof createNomad>

/**
 * A client of one Nomad. It opens no connection before the first call.
 *
 * Nomad tells mistakes in plain text and with status 500; they become errors with stable codes.
 * Reads come from the leader, so what is read after a change has seen it.
 */
export function createNomad(options: NomadOptions) {
  const clock = options.clock ?? systemClock
  const http = new NomadHttp(options, clock)
  const get = async <T>(path: string, ask: Cancellable & { query?: Record<string, string> } = {}): Promise<T> =>
    (await http.ask<T>(path, ask)).body
  const post = async <T>(path: string, body: unknown, ask: Cancellable = {}): Promise<T> =>
    (await http.ask<T>(path, { ...ask, method: 'POST', body })).body
  const change = async (path: string, body: object): Promise<Changed> => {
    const { EvalID, RevertedJobVersion } = await post<{ EvalID?: string; RevertedJobVersion?: number | null }>(
      path,
      body
    )
    return { evaluation: EvalID || null, revertedTo: RevertedJobVersion ?? null }
  }

  return {
    /** Where it is, for messages. */
    where: http.where,

    /** Address of the leader. Open to everybody, so it proves no token. */
    leader: (ask?: Cancellable) => get<string>('/v1/status/leader', ask),

    /**
     * Throws unless the token may read the jobs of the namespace. The event stream does not say: from
     * 1.4 on it answers 200 and nothing to those who may not listen.
     *
     * @returns the index of the list of jobs, which falls only when the servers were restored
     */
    async checkToken(ask: Cancellable = {}): Promise<number> {
      const { index } = await http.ask('/v1/jobs', { ...ask, query: { prefix: 'plimsoll-token-check' } })
      return index
    },

    /** The job as it is now, as Nomad writes it. */
    wireJob: (job: string, ask?: Cancellable) => get<WireJob>(`/v1/job/${encodeURIComponent(job)}`, ask),

    async job(job: string, ask?: Cancellable): Promise<JobVersion> {
      return readJob(await get<WireJob>(`/v1/job/${encodeURIComponent(job)}`, ask))
    },

    /** Versions that are kept (six unless configured otherwise), latest first. */
    async jobVersions(job: string, ask?: Cancellable): Promise<JobVersion[]> {
      const { Versions } = await get<{ Versions?: WireJob[] | null }>(
        `/v1/job/${encodeURIComponent(job)}/versions`,
        ask
      )
      return (Versions ?? []).map(readJob).toSorted((a, b) => b.version - a.version)
    },

    /** HCL as a job. Files that the HCL names are not read, and variables count from Nomad 1.6 on. */
    async parse(hcl: string, variables: string, ask?: Cancellable): Promise<WireJob> {
      return post<WireJob>('/v1/jobs/parse', { JobHCL: hcl, Variables: variables, Canonicalize: true }, ask)
    },

    /** Throws {@link nomadInvalid} with Nomad's reasons; returns its warnings. */
    async validate(job: WireJob, ask?: Cancellable): Promise<string> {
      const { body } = await http.ask<{ Error?: string; ValidationErrors?: string[] | null; Warnings?: string }>(
        '/v1/validate/job',
        { ...ask, method: 'PUT', body: { Job: job } }
      )
      const wrong = body.ValidationErrors?.join('; ') || body.Error
      if (wrong) throw nomadInvalid(`Nomad finds the job wrong: ${wrong}`)
      return body.Warnings ?? ''
    },

    /** What registering the job would change. */
    plan: (job: WireJob, ask?: Cancellable) =>
      post<WirePlan>(`/v1/job/${encodeURIComponent(job.ID)}/plan`, { Job: job, Diff: true }, ask),

    /**
     * Registers a job unless somebody changed it since `checkIndex` was read.
     *
     * @param checkIndex - its JobModifyIndex as last seen; 0: it must be new
     * @throws nomadConflict when it was changed
     */
    async register(
      job: WireJob,
      checkIndex: number,
      submission?: { readonly hcl: string; readonly variables: string }
    ): Promise<Registered> {
      const { EvalID, JobModifyIndex, Warnings } = await post<WireRegistered>('/v1/jobs', {
        Job: job,
        EnforceIndex: true,
        JobModifyIndex: checkIndex,
        ...(submission && {
          Submission: { Source: submission.hcl, Format: 'hcl2', Variables: submission.variables }
        })
      })
      return { evaluation: EvalID ?? '', jobModifyIndex: JobModifyIndex ?? 0, warnings: Warnings ?? '' }
    },

    /**
     * Goes back to an older version, as a new version of its own. With canaries in its update block
     * this starts canaries too, and they wait for a promotion.
     *
     * @param from - the version that must be the current one, so that two people do not both go back
     */
    async revert(job: string, to: number, from: number): Promise<Registered> {
      const body = { JobID: job, JobVersion: to, EnforcePriorVersion: from }
      const { EvalID, JobModifyIndex, Warnings } = await post<WireRegistered>(
        `/v1/job/${encodeURIComponent(job)}/revert`,
        body
      )
      return { evaluation: EvalID ?? '', jobModifyIndex: JobModifyIndex ?? 0, warnings: Warnings ?? '' }
    },

    async evaluation(id: string, ask?: Cancellable): Promise<Evaluation> {
      return readEvaluation(await get<WireEvaluation>(`/v1/evaluation/${encodeURIComponent(id)}`, ask))
    },

    /** Evaluations of a job that are still known, latest first. */
    async jobEvaluations(job: string, ask?: Cancellable): Promise<Evaluation[]> {
      const wires = await get<WireEvaluation[] | null>(`/v1/job/${encodeURIComponent(job)}/evaluations`, ask)
      return (wires ?? []).map(readEvaluation).toSorted((a, b) => b.createIndex - a.createIndex)
    },

    async deployment(id: string, ask?: Cancellable): Promise<Deployment> {
      return readDeployment(await get<WireDeployment>(`/v1/deployment/${encodeURIComponent(id)}`, ask))
    },

    /** The latest deployment of a job; null when it never had one. */
    async latestDeployment(job: string, ask?: Cancellable): Promise<Deployment | null> {
      const wire = await get<WireDeployment | null>(`/v1/job/${encodeURIComponent(job)}/deployment`, ask)
      return wire === null ? null : readDeployment(wire)
    },

    /** Deployments of a job that are still known, latest first. */
    async jobDeployments(job: string, ask?: Cancellable): Promise<Deployment[]> {
      const wires = await get<WireDeployment[] | null>(`/v1/job/${encodeURIComponent(job)}/deployments`, ask)
      return (wires ?? []).map(readDeployment).toSorted((a, b) => b.createIndex - a.createIndex)
    },

    async deploymentAllocations(id: string, ask?: Cancellable): Promise<Allocation[]> {
      const wires = await get<WireAllocation[] | null>(`/v1/deployment/allocations/${encodeURIComponent(id)}`, ask)
      return (wires ?? []).map(readAllocation)
    },

    async jobAllocations(job: string, ask?: Cancellable): Promise<Allocation[]> {
      const wires = await get<WireAllocation[] | null>(`/v1/job/${encodeURIComponent(job)}/allocations`, ask)
      return (wires ?? []).map(readAllocation)
    },

    /** A deployment now and after every change, until the caller stops. Waits at Nomad, so it costs little. */
    watchDeployment: (id: string, signal: AbortSignal): AsyncGenerator<Seen<Deployment>> =>
      watchQuery(http, clock, { path: `/v1/deployment/${encodeURIComponent(id)}`, read: readDeployment, signal }),

    /** All deployments of the namespace now and after every change. */
    watchDeployments: (signal: AbortSignal): AsyncGenerator<Seen<Deployment[]>> =>
      watchQuery(http, clock, {
        path: '/v1/deployments',
        read: (wires: WireDeployment[] | null) => (wires ?? []).map(readDeployment),
        signal
      }),

    /** Throws {@link nomadNotHealthyYet}, or {@link nomadDeploymentEnded} when it is too late. */
    promote: (id: string) =>
      change(`/v1/deployment/promote/${encodeURIComponent(id)}`, { DeploymentID: id, All: true }),

    /** Ends a deployment as failed; with auto_revert the job goes back to its last stable version. */
    fail: (id: string) => change(`/v1/deployment/fail/${encodeURIComponent(id)}`, { DeploymentID: id }),

    /** A promotion while paused is kept and takes effect on resume. */
    pause: (id: string, paused: boolean) =>
      change(`/v1/deployment/pause/${encodeURIComponent(id)}`, { DeploymentID: id, Pause: paused }),

    /** Events from one connection, after `fromIndex`. Ends by throwing nomadStreamBroken, or when `signal` aborts. */
    events: (asked: { topics: EventTopics; fromIndex: number; signal: AbortSignal }): AsyncGenerator<EventBatch> =>
      streamEvents(http, clock, asked),

    /** Drops its connections; whatever is under way fails. */
    close: () => http.close()
  }
}
