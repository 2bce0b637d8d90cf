import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { WireAllocation, WireDeployment, WireEvaluation, WireJob } from '../../src/platform/nomad/wire.ts'

type Writable<T> = { -readonly [K in keyof T]: T[K] }
type Group = Writable<NonNullable<NonNullable<WireDeployment['TaskGroups']>[string]>>
type Deployment = Writable<Omit<WireDeployment, 'TaskGroups'>> & { TaskGroups: { api: Group } }
type Job = Writable<WireJob> & { Version: number; Stable: boolean; JobModifyIndex: number }
type Allocation = Writable<WireAllocation>
type Body = Record<string, unknown>

/** What a fake refuses, in Nomad's own words. */
class Refusal extends Error {
  readonly status: number
  constructor(status: number, text: string) {
    super(text)
    this.status = status
  }
}

export interface Faults {
  /** Refuses everything, e.g. `[500, 'No cluster leader']`. */
  refuse: readonly [number, string] | null
  /** Ends every connection without a word. */
  unreachable: boolean
  /** Does what such requests (`POST /v1/…`) ask, and never answers. */
  mute: RegExp | null
  /** Answers 200 to who wants events, and sends nothing, as 1.4 and later do to those who may not listen. */
  emptyStreams: boolean
  /** Refuses streams alone. */
  noStreams: boolean
  /** Called with each request (`POST /v1/…`) before it is done. */
  before: ((line: string) => Promise<unknown> | null) | null
  healthAfterMs: number
  /** A new version is there that long before its evaluation names a deployment, ms. */
  beginAfterMs: number
}

const id = (n: number): string => `${String(n).padStart(8, '0')}-0000-4000-8000-000000000000`

const spec = ({ Version: _v, Stable: _s, JobModifyIndex: _j, SubmitTime: _t, ...rest }: WireJob): string =>
  JSON.stringify(rest)

/**
 * A Nomad in memory for jobs as `nomadJob` writes them: canaries, promotion, failing with a revert,
 * reverts, check indices, blocking queries and the event stream. It passes the conformance suite.
 */
export async function startFakeNomad() {
  let index = 10
  const jobs = new Map<string, Job[]>()
  const deployments = new Map<string, Deployment>()
  const allocations: Allocation[] = []
  const evaluations: Writable<WireEvaluation>[] = []
  const waiting = new Set<() => void>()
  const streams = new Set<ServerResponse>()
  /** What goes wrong until it is set back. */
  const faults: Faults = {
    refuse: null,
    unreachable: false,
    mute: null,
    emptyStreams: false,
    noStreams: false,
    before: null,
    healthAfterMs: 15,
    beginAfterMs: 0
  }
  const asked: string[] = []
  let sequence = 0

  const changed = (): number => {
    index += 1
    const wake = [...waiting]
    waiting.clear()
    setImmediate(() => wake.forEach((each) => each()))
    return index
  }
  const tell = (deployment: Deployment): void => {
    deployment.ModifyIndex = changed()
    const event = { Topic: 'Deployment', Type: 'DeploymentStatusUpdate', Key: deployment.ID, Namespace: 'default' }
    const line = JSON.stringify({ Index: index, Events: [{ ...event, Payload: { Deployment: deployment } }] })
    for (const stream of streams) stream.write(`${line}\n`)
  }
  const current = (job: string): Job => {
    const found = jobs.get(job)?.at(-1)
    if (!found) throw new Refusal(404, 'job not found')
    return found
  }
  const deploymentOf = (key: string): Deployment => {
    if (key.length !== 36) throw new Refusal(500, 'deployment lookup failed: index error: UUID must be 36 characters')
    const found = deployments.get(key)
    if (!found) throw new Refusal(404, 'deployment not found')
    return found
  }
  const ended = ({ Status }: Deployment): boolean => /successful|failed|cancelled/.test(Status ?? '')
  const place = (job: Job, canary: boolean, deployment: string): Allocation => {
    const allocation: Allocation = {
      ID: id(++sequence),
      JobVersion: job.Version,
      TaskGroup: 'api',
      NodeName: 'here',
      DesiredStatus: 'run',
      ClientStatus: 'running',
      CreateTime: Date.now() * 1e6,
      DeploymentStatus: { Canary: canary },
      TaskStates: {}
    }
    allocations.push(Object.assign(allocation, { deployment, job: job.ID }))
    return allocation
  }
  const ofDeployment = (key: string) => allocations.filter((a) => (a as unknown as Body)['deployment'] === key)
  const ofJob = (job: string) => allocations.filter((a) => (a as unknown as Body)['job'] === job)
  const behaviour = (job: Job): string =>
    String((job.TaskGroups?.[0]?.Tasks?.[0]?.Config?.['args'] as string[] | undefined)?.at(-1))

  /** The deployment that a new version of a job begins. */
  function begin(job: Job, canaries: number): void {
    for (const other of deployments.values()) {
      if (other.JobID !== job.ID || ended(other)) continue
      Object.assign(other, { Status: 'cancelled', StatusDescription: 'Cancelled because job is updated' })
      tell(other)
    }
    const wanted = job.TaskGroups?.[0]?.Count ?? 1
    const started: Deployment = {
      ID: id(++sequence),
      JobID: job.ID,
      Namespace: 'default',
      JobVersion: job.Version,
      Status: 'running',
      JobModifyIndex: job.JobModifyIndex,
      CreateIndex: changed(),
      ModifyIndex: index,
      StatusDescription: `Deployment is running${canaries > 0 ? ' but requires manual promotion' : ''}`,
      TaskGroups: {
        api: {
          AutoRevert: true,
          DesiredCanaries: canaries,
          DesiredTotal: wanted,
          HealthyAllocs: 0,
          UnhealthyAllocs: 0,
          Promoted: false,
          PlacedCanaries: null,
          PlacedAllocs: 0
        }
      }
    }
    deployments.set(started.ID, started)
    evaluations.push({
      ID: id(++sequence),
      Status: 'complete',
      DeploymentID: started.ID,
      CreateIndex: index,
      ...({ JobModifyIndex: job.JobModifyIndex, JobID: job.ID } as object)
    })
    const placed = Array.from({ length: canaries || wanted }, () => place(job, canaries > 0, started.ID))
    started.TaskGroups.api.PlacedAllocs = placed.length
    if (canaries > 0) started.TaskGroups.api.PlacedCanaries = placed.map(({ ID }) => ID)
    tell(started)
    judge(job, started, placed)
  }

  /** A moment later the allocations are well, or never will be. */
  function judge(job: Job, deployment: Deployment, placed: readonly Allocation[]): void {
    setTimeout(() => {
      if (ended(deployment)) return
      const group = deployment.TaskGroups.api
      const well = behaviour(job) !== 'unhealthy'
      for (const allocation of placed) {
        allocation.DeploymentStatus = { Canary: allocation.DeploymentStatus?.Canary ?? false, Healthy: well }
        if (well) continue
        allocation.ClientStatus = 'failed'
        const said = { Type: 'Restart Signaled', Time: 1, DisplayMessage: 'healthcheck: check "healthz" unhealthy' }
        allocation.TaskStates = { server: { State: 'dead', Failed: true, Restarts: 1, Events: [said] } }
      }
      if (!well) {
        group.UnhealthyAllocs = placed.length
        return void fail(deployment, 'Failed due to unhealthy allocations')
      }
      group.HealthyAllocs = (group.HealthyAllocs ?? 0) + placed.length
      tell(deployment)
      if (group.HealthyAllocs >= (group.DesiredTotal ?? 0) && ((group.DesiredCanaries ?? 0) === 0 || group.Promoted)) {
        Object.assign(deployment, { Status: 'successful', StatusDescription: 'Deployment completed successfully' })
        job.Stable = true
        tell(deployment)
      }
    }, faults.healthAfterMs)
  }

  /** Ends a deployment; the job goes back to its last stable version as a new one, without canaries. */
  function fail(deployment: Deployment, why: string): number | null {
    const versions = jobs.get(deployment.JobID)!
    const stable = versions.findLast(({ Stable, Version }) => Stable && Version < (deployment.JobVersion ?? 0))
    const back = stable ? ` - rolling back to job version ${stable.Version}` : ''
    Object.assign(deployment, { Status: 'failed', StatusDescription: why + back })
    tell(deployment)
    for (const each of ofDeployment(deployment.ID)) each.DesiredStatus = 'stop'
    if (!stable) return null
    const reverted = { ...stable, Version: versions.at(-1)!.Version + 1, JobModifyIndex: changed() }
    versions.push(reverted)
    begin(reverted, 0)
    return stable.Version
  }

  function register(body: Body): Body {
    const given = body['Job'] as WireJob
    const versions = jobs.get(given.ID) ?? []
    const last = versions.at(-1)
    const enforced = body['EnforceIndex'] === true ? Number(body['JobModifyIndex']) : null
    const actual = last?.JobModifyIndex ?? 0
    if (enforced !== null && enforced !== actual) {
      const exists = `job exists with conflicting job modify index: ${actual}`
      throw new Refusal(500, `Enforcing job modify index ${enforced}: ${last ? exists : 'job does not exist'}`)
    }
    const same = last && spec(last) === spec(given)
    if (!same) add(given, versions)
    const job = current(given.ID)
    const evaluation = evaluations.findLast(({ JobModifyIndex }) => JobModifyIndex === job.JobModifyIndex)
    return { EvalID: evaluation?.ID ?? '', JobModifyIndex: job.JobModifyIndex, Warnings: '' }
  }

  function add(given: WireJob, versions: Job[]): void {
    const Version = (versions.at(-1)?.Version ?? -1) + 1
    const job: Job = { ...given, Version, Stable: false, JobModifyIndex: changed(), SubmitTime: Date.now() * 1e6 }
    jobs.set(given.ID, [...versions, job])
    const canaries = versions.length > 0 ? 1 : 0
    if (faults.beginAfterMs === 0) return begin(job, canaries)
    const { JobModifyIndex } = job
    const early = { ID: id(++sequence), Status: 'complete', CreateIndex: index, JobModifyIndex, JobID: job.ID }
    evaluations.push(early)
    setTimeout(() => begin(job, canaries), faults.beginAfterMs)
  }

  function promote(deployment: Deployment): Body {
    if (ended(deployment)) throw new Refusal(500, "can't promote terminal deployment")
    const group = deployment.TaskGroups.api
    const healthy = group.HealthyAllocs ?? 0
    if (!group.Promoted) {
      if (healthy < (group.DesiredCanaries ?? 0)) {
        const text = `Task group "api" has ${healthy}/${group.DesiredCanaries} healthy allocations`
        throw new Refusal(500, `1 error occurred:\n\t* ${text}\n\n`)
      }
      Object.assign(group, { Promoted: true })
      deployment.StatusDescription = 'Deployment is running'
      tell(deployment)
      const job = jobs.get(deployment.JobID)!.find(({ Version }) => Version === deployment.JobVersion)!
      const missing = Array.from({ length: (group.DesiredTotal ?? 1) - healthy }, () =>
        place(job, false, deployment.ID)
      )
      judge(job, deployment, missing)
    }
    return { EvalID: id(++sequence), RevertedJobVersion: null }
  }

  function plan(given: WireJob): Body {
    const last = jobs.get(given.ID)?.at(-1)
    const edited = !last || spec(last) !== spec(given)
    const image = (job: WireJob | undefined): string => job?.TaskGroups?.[0]?.Tasks?.[0]?.Env?.['IMAGE'] ?? ''
    const fields = [{ Type: 'Edited', Name: 'Env[IMAGE]', Old: image(last), New: image(given) }]
    return {
      JobModifyIndex: last?.JobModifyIndex ?? 0,
      Annotations: { DesiredTGUpdates: { api: last ? { Canary: edited ? 1 : 0 } : { Place: 2 } } },
      Diff: {
        Type: last ? (edited ? 'Edited' : 'None') : 'Added',
        TaskGroups: edited
          ? [
              {
                Name: 'api',
                Type: last ? 'Edited' : 'Added',
                Updates: last ? { canary: 1, ignore: 2 } : { create: 2 },
                Tasks: [{ Name: 'server', Type: last ? 'Edited' : 'Added', Fields: fields }]
              }
            ]
          : []
      },
      Warnings: '',
      FailedTGAllocs: null
    }
  }

  function revert(job: string, body: Body): Body {
    const versions = jobs.get(job)!
    const { Version } = current(job)
    const prior = body['EnforcePriorVersion']
    if (typeof prior === 'number' && prior !== Version) {
      throw new Refusal(500, `Current job has version ${Version}; enforcing version ${prior}`)
    }
    if (body['JobVersion'] === Version) throw new Refusal(500, "can't revert to current version")
    const older = versions.find((each) => each.Version === body['JobVersion'])
    if (!older)
      throw new Refusal(500, `job "${job}" in namespace "default" at version ${String(body['JobVersion'])} not found`)
    add(older, versions)
    return { EvalID: evaluations.at(-1)!.ID, JobModifyIndex: current(job).JobModifyIndex }
  }

  function answer(method: string, path: string, body: Body): unknown {
    const [kind = '', key = '', verb = ''] = path.replace('/v1/', '').split('/').map(decodeURIComponent)
    if (path === '/v1/status/leader') return '127.0.0.1:4647'
    if (path === '/v1/jobs' && method === 'GET') return [...jobs.values()].map((versions) => versions.at(-1))
    if (path === '/v1/jobs') return register(body)
    if (path === '/v1/jobs/parse') return parse(body['JobHCL'] as string, (body['Variables'] ?? '') as string)
    if (path === '/v1/validate/job') return { Error: '', ValidationErrors: null, Warnings: '' }
    if (path === '/v1/deployments') return [...deployments.values()]
    if (kind === 'evaluation') return evaluations.find(({ ID }) => ID === key)
    if (kind === 'job' && verb === 'plan') return plan(body['Job'] as WireJob)
    if (kind === 'job') return aboutJob(key, verb, body)
    const deployment = deploymentOf(verb || key)
    if (key === 'allocations') return ofDeployment(deployment.ID)
    if (key === 'promote') return promote(deployment)
    if (key === 'fail') {
      if (ended(deployment)) throw new Refusal(500, "can't fail terminal deployment")
      return { EvalID: id(++sequence), RevertedJobVersion: fail(deployment, 'Deployment marked as failed') }
    }
    if (key === 'pause') {
      if (ended(deployment)) throw new Refusal(500, "can't pause terminal deployment")
      deployment.Status = body['Pause'] === true ? 'paused' : 'running'
      tell(deployment)
      return { EvalID: '', RevertedJobVersion: null }
    }
    return deployment
  }

  function aboutJob(job: string, verb: string, body: Body): unknown {
    current(job)
    const own = [...deployments.values()].filter(({ JobID }) => JobID === job)
    if (verb === 'versions') return { Versions: jobs.get(job)!.toReversed() }
    if (verb === 'deployment') return own.at(-1) ?? null
    if (verb === 'deployments') return own
    if (verb === 'evaluations') return evaluations.filter((each) => (each as Body)['JobID'] === job)
    if (verb === 'allocations') return ofJob(job)
    if (verb === 'revert') return revert(job, body)
    return current(job)
  }

  const send = (reply: ServerResponse, method: string, path: string, body: Body, mute = false): void => {
    try {
      if (faults.refuse) throw new Refusal(...faults.refuse)
      const found = answer(method, path, body)
      if (mute) return
      reply.writeHead(200, { 'content-type': 'application/json', 'x-nomad-index': index }).end(JSON.stringify(found))
    } catch (error) {
      const { status = 500 } = error as Partial<Refusal>
      reply.writeHead(status, { 'content-type': 'text/plain' }).end((error as Error).message)
    }
  }

  const listener = (request: IncomingMessage, reply: ServerResponse): void => {
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString()))
    request.on('end', () => {
      const url = new URL(request.url!, 'http://nomad')
      const body = (text === '' ? {} : JSON.parse(text)) as Body
      asked.push(`${request.method} ${url.pathname}`)
      if (faults.unreachable) return void request.socket.destroy()
      const line = `${request.method} ${url.pathname}`
      const now = (): void => send(reply, request.method!, url.pathname, body, faults.mute?.test(line))
      const go = (): void => void (faults.before?.(line) ?? Promise.resolve()).then(now)
      if (url.pathname === '/v1/event/stream' && !faults.refuse) {
        if (faults.noStreams) return void reply.writeHead(500).end('stream broken')
        reply.writeHead(200)
        if (faults.emptyStreams) return void reply.end()
        reply.write('{}\n')
        streams.add(reply)
        reply.on('close', () => streams.delete(reply))
      } else if (Number(url.searchParams.get('index') ?? 0) >= index) {
        waiting.add(go)
        reply.on('close', () => waiting.delete(go))
      } else go()
    })
  }
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    faults,
    /** Requests in order: `POST /v1/jobs`. */
    asked,
    /** Cuts every event stream. */
    cutStreams: () => streams.forEach((stream) => stream.destroy()),
    /** How many listen to events. */
    listening: () => streams.size,
    /** Sends a line to all who listen, as it is. */
    sendLine: (line: string) => streams.forEach((stream) => stream.write(`${line}\n`)),
    /** Takes the canaries of a deployment away, as a node that is drained does. @returns places another */
    loseCanaries(deployment: string): () => void {
      const lost = deploymentOf(deployment)
      const group = lost.TaskGroups.api
      group.HealthyAllocs = 0
      for (const each of ofDeployment(deployment)) {
        Object.assign(each, { ClientStatus: 'lost', DesiredStatus: 'stop' })
      }
      tell(lost)
      const job = jobs.get(lost.JobID)!.find(({ Version }) => Version === lost.JobVersion)!
      return () => judge(job, lost, [place(job, true, deployment)])
    },
    close: () => {
      server.closeAllConnections()
      server.close()
    }
  }
}

/** Reads what `nomadJob` writes, and nothing else. */
function parse(hcl: string, variables: string): WireJob {
  const job = /job "([\w-]+)"/.exec(hcl)?.[1]
  const args = /args += (\[.*\])/.exec(hcl)?.[1]
  if (job === undefined || args === undefined)
    throw new Refusal(400, 'Failed to parse job: input.hcl:1,1-2: Argument needed')
  const value = (name: string): string =>
    new RegExp(String.raw`^\s*${name}\s*=\s*"([^"]*)"`, 'm').exec(variables)?.[1] ?? ''
  return {
    ID: job,
    Name: job,
    Type: 'service',
    Meta: { release: value('version') || value('release') },
    TaskGroups: [
      {
        Name: 'api',
        Count: Number(/count += (\d+)/.exec(hcl)?.[1] ?? 1),
        Tasks: [
          {
            Name: 'server',
            Driver: 'raw_exec',
            Config: { args: JSON.parse(args) as string[] },
            Env: { IMAGE: value('image'), APP_VERSION: value('version') }
          }
        ]
      }
    ]
  }
}
