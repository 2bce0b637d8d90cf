// The client of Nomad against recordings of two versions, and the same against a real agent when `nomad` is on PATH.
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { ManualClock } from '../src/platform/clock.ts'
import { createNomad, type Nomad } from '../src/platform/nomad/client.ts'
import { groupLines, phaseOf, troubleLines } from '../src/platform/nomad/deployment.rules.ts'
import { followEvents, type Followed } from '../src/platform/nomad/follow-events.ts'
import type { Deployment } from '../src/platform/nomad/model.ts'
import { nomadFromEnvironment } from '../src/platform/nomad/options.ts'
import { startFakeNomad } from './support/fake-nomad.ts'
import { readJob } from '../src/platform/nomad/read.rules.ts'
import { recorded, replayNomad } from './support/nomad-replay.ts'
import { noNomad, nomadJob, startNomadAgent } from './support/nomad-agent.ts'

type Behaviour = 'ok' | 'unhealthy'

interface Stage {
  readonly nomad: Nomad
  readonly job: string
  hcl(version: string, behaviour: Behaviour): string
}

const refused = (code: string) => ({ code: `PLIMSOLL_NOMAD_${code}` })

/** Waits until a deployment is where it should be; the last state seen. */
async function until(nomad: Nomad, id: string, there: (deployment: Deployment) => boolean): Promise<Deployment> {
  const done = new AbortController()
  try {
    for await (const { value } of nomad.watchDeployment(id, done.signal)) if (there(value)) return value
  } finally {
    done.abort()
  }
  throw new Error('the watch ended')
}

/** The deployment that an evaluation began. */
async function deploymentOf(nomad: Nomad, evaluation: string): Promise<string> {
  for (;;) {
    const { status, deployment } = await nomad.evaluation(evaluation)
    if (status === 'complete' && deployment) return deployment
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** What holds for every Nomad, real or recorded. */
async function conformance(t: Test, { nomad, job, hcl }: Stage): Promise<void> {
  const submit = async (version: string, checkIndex: number, behaviour: Behaviour = 'ok') => {
    const parsed = await nomad.parse(hcl(version, behaviour), `version = "${version}"\n`)
    const { evaluation, jobModifyIndex } = await nomad.register(parsed, checkIndex)
    return { id: await deploymentOf(nomad, evaluation), jobModifyIndex }
  }
  const isWaiting = (d: Deployment) => phaseOf(d) === 'waiting_for_promotion'
  const hasPhase = (phase: ReturnType<typeof phaseOf>) => (d: Deployment) => phaseOf(d) === phase

  t.match(await nomad.leader(), /:\d+$/)
  t.equal(await nomad.checkToken(), await nomad.checkToken(), 'whoever may read jobs passes')
  await t.rejects(nomad.job('nope'), refused('NOT_FOUND'))
  await t.rejects(nomad.deployment('00000000-0000-0000-0000-000000000000'), refused('NOT_FOUND'))
  await t.rejects(nomad.deployment('nope'), refused('INVALID'), 'though Nomad calls it its own failure')
  const broken = 'job "x" { group "g" { task "t" { driver = } } }'
  await t.rejects(nomad.parse(broken, ''), { ...refused('INVALID'), message: /^Nomad says: .*input\.hcl:1/ })

  const first = await nomad.parse(hcl('1.0.0', 'ok'), 'version = "1.0.0"\n')
  t.equal(first.ID, job)
  t.type(await nomad.validate(first), 'string')
  const fresh = await nomad.plan(first)
  t.equal(fresh.JobModifyIndex, 0)
  t.match(fresh.Diff, { Type: 'Added' })

  const v1 = await submit('1.0.0', 0)
  t.match(
    await until(nomad, v1.id, hasPhase('successful')),
    { status: 'successful', jobVersion: 0 },
    'no canary at first'
  )
  t.match(await nomad.job(job), { version: 0, stable: true, stopped: false, modifyIndex: v1.jobModifyIndex })

  const second = await nomad.parse(hcl('1.1.0', 'ok'), 'version = "1.1.0"\n')
  const plan = await nomad.plan(second)
  t.equal(plan.JobModifyIndex, v1.jobModifyIndex)
  t.equal(plan.Annotations?.DesiredTGUpdates?.['api']?.['Canary'], 1)
  await t.rejects(nomad.register(second, 1), refused('CONFLICT'), 'somebody else was faster')
  const v2 = await submit('1.1.0', v1.jobModifyIndex)
  await t.rejects(nomad.promote(v2.id), { ...refused('NOT_HEALTHY_YET'), message: /0\/1 healthy/ })
  const waiting = await until(nomad, v2.id, isWaiting)
  t.strictSame(groupLines(waiting), ['api: 1 of 1 canary healthy'])
  t.strictSame(
    (await nomad.deploymentAllocations(v2.id)).map(({ id, canary, healthy }) => ({ id, canary, healthy })),
    [{ id: waiting.groups[0]!.canaries[0], canary: true, healthy: true }]
  )
  await nomad.pause(v2.id, true)
  t.equal(phaseOf(await nomad.deployment(v2.id)), 'paused')
  await nomad.pause(v2.id, false)
  t.match(await nomad.promote(v2.id), { evaluation: /-/, revertedTo: null })
  await t.resolves(nomad.promote(v2.id), 'twice is once')
  t.match(await until(nomad, v2.id, hasPhase('successful')), { groups: [{ promoted: true, healthy: 2 }] })
  t.equal((await nomad.jobDeployments(job))[0]?.id, v2.id)
  await t.rejects(nomad.promote(v2.id), refused('DEPLOYMENT_ENDED'))

  const v3 = await submit('1.2.0', v2.jobModifyIndex)
  await until(nomad, v3.id, isWaiting)
  t.match(await nomad.fail(v3.id), { revertedTo: 1 })
  await t.rejects(nomad.fail(v3.id), refused('DEPLOYMENT_ENDED'))
  t.match(await until(nomad, v3.id, hasPhase('failed')), { description: /rolling back to job version 1/ })
  const back = await nomad.job(job)
  t.equal(back.version, 3, 'going back makes a version of its own')
  const stable = new Map((await nomad.jobVersions(job)).map(({ version, stable }) => [version, stable]))
  t.strictSame([stable.get(2), stable.get(1)], [false, true])
  const inPlace = await nomad.latestDeployment(job)
  t.match(inPlace, { jobVersion: 3, groups: [{ canariesWanted: 0 }] }, 'the old allocations still run it: no canary')

  const v4 = await submit('2.0.0', back.modifyIndex, 'unhealthy')
  t.match(await until(nomad, v4.id, hasPhase('failed')), { groups: [{ unhealthy: 1 }] })
  const troubles = troubleLines((await nomad.jobAllocations(job)).filter(({ jobVersion }) => jobVersion === 4))
  t.match(troubles.join('\n'), /api\/server on \S+ \(\w{8}\): .*unhealthy/i, 'and says why')

  const current = (await nomad.jobVersions(job))[0]!
  await nomad.revert(job, 0, current.version)
  await t.rejects(nomad.revert(job, 99, current.version + 1), refused('NOT_FOUND'))
  const reverting = await nomad.latestDeployment(job)
  t.match(reverting, { jobVersion: current.version + 1, groups: [{ canariesWanted: 1 }] }, 'going back canaries too')
  await until(nomad, reverting!.id, isWaiting)
  await nomad.promote(reverting!.id)
  await until(nomad, reverting!.id, hasPhase('successful'))
}

for (const version of ['1.1.2', '2.0.5']) {
  t.test(`the life of a canary on Nomad ${version}, as recorded`, async (t) => {
    const server = await replayNomad(recorded(version).filter(({ name }) => name !== 'parse-no-body'))
    const nomad = createNomad({ address: server.url })
    t.teardown(async () => {
      await nomad.close()
      server.close()
    })
    await conformance(t, { nomad, job: 'plimsoll-api', hcl: (_, behaviour) => behaviour })
  })
}

t.test('the life of a canary on the Nomad that other tests use', async (t) => {
  const server = await startFakeNomad()
  const nomad = createNomad({ address: server.url })
  t.teardown(async () => {
    await nomad.close()
    server.close()
  })
  await conformance(t, { nomad, job: 'life', hcl: (_, behaviour) => nomadJob('life', { behaviour }) })
})

const missing = noNomad()
if (missing === null) t.setTimeout(300_000) // real allocations
t.test('the life of a canary on the Nomad of this machine', { skip: missing ?? false }, async (t) => {
  const agent = await startNomadAgent()
  const nomad = createNomad({ address: agent.url })
  t.teardown(async () => {
    await nomad.close()
    await agent.close()
  })
  await conformance(t, { nomad, job: 'life', hcl: (_, behaviour) => nomadJob('life', { behaviour }) })
})

/** A server that answers as `listener` says, and a client of it. */
async function scripted(t: Test, listener: RequestListener, clock?: ManualClock) {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const nomad = createNomad({ address, token: 'secret-token', ...(clock && { clock }) })
  t.teardown(async () => {
    await nomad.close()
    server.closeAllConnections()
    server.close()
  })
  return nomad
}

t.test('who may not, is told so, whatever the version calls it', async (t) => {
  for (const version of ['1.1.2', '2.0.5']) {
    const server = await replayNomad(recorded(`${version}-acl`).filter(({ method }) => method === 'GET'))
    const client = (token: string | undefined) => createNomad({ address: server.url, token })
    const [nobody, unknown, malformed] = [client(''), client('11111111-2222-3333-4444-555555555555'), client('nope')]
    const clients = [nobody, unknown, malformed]
    t.teardown(async () => {
      await Promise.all(clients.map((each) => each.close()))
      server.close()
    })
    await t.rejects(nobody.checkToken(), refused('FORBIDDEN'), version)
    const wrong = version === '1.1.2' ? refused('TOKEN_UNKNOWN') : refused('FORBIDDEN')
    await t.rejects(unknown.checkToken(), wrong, version)
    await t.rejects(malformed.checkToken(), wrong, version)
  }
})

t.test('a refusal is known by its text, and names neither token nor stack', async (t) => {
  const cases: [status: number, text: string, code: string][] = [
    [500, 'No cluster leader', 'NO_LEADER'],
    [500, 'rpc error: No cluster leader', 'NO_LEADER'],
    [500, 'Permission denied', 'FORBIDDEN'],
    [403, '', 'FORBIDDEN'],
    [403, 'ACL token not found', 'TOKEN_UNKNOWN'],
    [500, 'acl token lookup failed: index error: UUID must be 36 characters', 'TOKEN_UNKNOWN'],
    [500, 'Enforcing job modify index 7: job exists with conflicting job modify index: 9', 'CONFLICT'],
    [500, 'Current job has version 4; enforcing version 3', 'CONFLICT'],
    [500, "can't revert to current version", 'NOTHING_TO_REVERT'],
    [500, "can't pause terminal deployment", 'DEPLOYMENT_ENDED'],
    [500, '1 error occurred:\n\t* Task group "api" has 0/1 healthy allocations\n\n', 'NOT_HEALTHY_YET'],
    [500, '1 error occurred:\n\t* Task group api validation failed: 1 error occurred', 'INVALID'],
    [500, 'Vault "default" not enabled but used in the job', 'INVALID'],
    [429, 'Too many requests', 'BUSY'],
    [500, 'runtime error: index out of range', 'FAILED'],
    [418, 'teapot', 'INVALID']
  ]
  let now = cases[0]!
  const nomad = await scripted(t, (_, reply) => reply.writeHead(now[0]).end(now[1]))
  for (now of cases) {
    await t.rejects(nomad.promote('x'), refused(now[2]), now[1])
    const said = await nomad.promote('x').catch((error: Error) => error.message)
    t.notMatch(said, /secret-token|\n|error occurred:/)
  }
})

t.test('what cannot be reached, is slow or is no Nomad at all has its own name', async (t) => {
  const nowhere = createNomad({ address: 'http://127.0.0.1:1' })
  t.teardown(() => nowhere.close())
  await t.rejects(nowhere.leader(), { ...refused('UNREACHABLE'), message: /ECONNREFUSED/ })

  const clock = new ManualClock()
  const asked = Promise.withResolvers<void>()
  const silent = await scripted(t, () => asked.resolve(), clock)
  const waiting = t.rejects(silent.leader(), { ...refused('SLOW'), message: /within 10000 ms/ })
  await asked.promise
  clock.advance(10_000)
  await waiting

  const other = await scripted(t, (_, reply) => reply.end('<html>'))
  await t.rejects(other.leader(), { ...refused('FAILED'), message: /is that Nomad/ })
  const tls = await scripted(t, (_, reply) =>
    reply.writeHead(400).end('Client sent an HTTP request to an HTTPS server.\n')
  )
  t.match(await tls.leader().catch((error: Error) => error), { hint: 'write https:// in NOMAD_ADDR' })
})

t.test('a watch waits beyond what it knows, starts over when the index falls, and outlasts an election', async (t) => {
  const clock = new ManualClock()
  const asked: (string | null)[] = []
  const script: [status: number, index: number, status: string][] = [
    [200, 40, 'running'],
    [500, 0, 'No cluster leader'],
    [200, 40, 'running'],
    [200, 12, 'paused'],
    [200, 13, 'successful']
  ]
  const nomad = await scripted(
    t,
    (request, reply) => {
      asked.push(new URL(request.url!, 'http://x').searchParams.get('index'))
      const [status, index, word] = script.shift()!
      if (status !== 200) return reply.writeHead(status).end(word)
      reply.writeHead(200, { 'x-nomad-index': index })
      reply.end(JSON.stringify({ ID: 'd', JobID: 'j', Status: word, TaskGroups: null }))
    },
    clock
  )
  const done = new AbortController()
  const seen: string[] = []
  const ticking = setInterval(() => clock.advance(100), 1)
  t.teardown(() => clearInterval(ticking))
  for await (const { value, index } of nomad.watchDeployment('d', done.signal)) {
    seen.push(`${value.status} ${index}`)
    if (value.status === 'successful') done.abort()
  }
  t.strictSame(seen, ['running 40', 'paused 12', 'successful 13'], 'the same index is no news')
  t.strictSame(asked, [null, '40', '40', '40', null])
})

t.test('a watch ends at what will not pass', async (t) => {
  const nomad = await scripted(t, (_, reply) => reply.writeHead(404).end('deployment not found'))
  await t.rejects(nomad.watchDeployment('d', new AbortController().signal).next(), refused('NOT_FOUND'))
})

t.test('events come once each, whatever pieces they arrive in', async (t) => {
  for (const version of ['1.1.2', '2.0.5']) {
    const bytes = Buffer.from(
      recorded<object>(`${version}-events`)
        .map((line) => `${JSON.stringify(line)}\n`)
        .join('')
    )
    const nomad = await scripted(t, (request, reply) => {
      t.match(request.url, 'topic=Deployment%3A*')
      reply.writeHead(200)
      for (let at = 0; at < bytes.length; at += 1_000) reply.write(bytes.subarray(at, at + 1_000))
      reply.end()
    })
    const seen: number[] = []
    const statuses: string[] = []
    const read = async (): Promise<void> => {
      const signal = new AbortController().signal
      for await (const { index, events } of nomad.events({ topics: { Deployment: ['*'] }, fromIndex: 12, signal })) {
        seen.push(index)
        for (const { topic, payload } of events) {
          if (topic === 'Deployment') statuses.push((payload['Deployment'] as { Status: string }).Status)
        }
      }
    }
    await t.rejects(read(), refused('STREAM_BROKEN'), 'the recording ends')
    t.ok(seen.every((index, i) => index > (seen[i - 1] ?? 12)))
    t.ok(statuses.length > 20 && statuses.includes('failed') && statuses.includes('paused'))
  }
})

t.test(
  'the stream is followed through a cut, silence, a lost permission and servers that count from lower',
  async (t) => {
    const clock = new ManualClock()
    const line = (index: number) => `${JSON.stringify({ Index: index, Events: [{ Topic: 'Deployment', Key: 'd' }] })}\n`
    let listIndex = 5
    const streams: ((write: (text: string) => void, end: () => void) => void)[] = [
      (write, end) => (write('{}\n'), write(line(7)), end()),
      (write) => (write(line(7)), write(line(8))),
      (_, end) => end(), // 2.x answers 200 and nothing to those who may not listen
      (write) => write(line(3))
    ]
    const resumed: (string | null)[] = []
    const checks = [200, 200, 403, 200, 200]
    const nomad = await scripted(
      t,
      (request, reply) => {
        const url = new URL(request.url!, 'http://x')
        if (url.pathname === '/v1/jobs') {
          const status = checks.shift()!
          if (checks.length === 0) listIndex = 2
          return reply
            .writeHead(status, { 'x-nomad-index': listIndex })
            .end(status === 200 ? '[]' : 'Permission denied')
        }
        resumed.push(url.searchParams.get('index'))
        reply.writeHead(200)
        reply.flushHeaders()
        streams.shift()!(
          (text) => reply.write(text),
          () => reply.end()
        )
      },
      clock
    )
    const done = new AbortController()
    const told: string[] = []
    const tell = (followed: Followed): string =>
      followed.kind === 'events'
        ? `event ${followed.batch.index}`
        : followed.kind === 'lost'
          ? (followed.error as { code: string }).code.replace('PLIMSOLL_NOMAD_', '')
          : 'connected'
    for await (const followed of followEvents(nomad, clock, { topics: { Deployment: ['*'] }, signal: done.signal })) {
      told.push(tell(followed))
      if (followed.kind === 'lost') setTimeout(() => clock.advance(30_000), 5)
      if (told.at(-1) === 'event 8') clock.advance(45_000) // silence
      if (told.at(-1) === 'event 3') done.abort()
    }
    t.equal(
      told.join(', '),
      'connected, event 7, STREAM_BROKEN, connected, event 8, STREAM_BROKEN, FORBIDDEN, connected, STREAM_BROKEN, ' +
        'connected, event 3'
    )
    t.strictSame(resumed, [null, '7', '8', null])
  }
)

t.test('where Nomad is comes from the variables of its own commands', async (t) => {
  t.match(nomadFromEnvironment({}), { address: 'http://127.0.0.1:4646', token: undefined })
  const file = `${t.testdir({ token: 'from-a-file\n' })}/token`
  const { token } = nomadFromEnvironment({ NOMAD_TOKEN_FILE: file, NOMAD_ADDR: 'unix:///secrets/api.sock' })
  t.equal(typeof token === 'function' && (await token()), 'from-a-file')
  for (const address of ['nomad:4646', 'https://me:secret@nomad:4646']) {
    t.throws(() => nomadFromEnvironment({ NOMAD_ADDR: address }), {
      code: 'PLIMSOLL_NOMAD_ADDRESS_WRONG',
      message: /^(?!.*secret)/
    })
  }
})

t.test('versions that run the same are known, in whatever order Nomad writes their maps', async (t) => {
  const aJob = (version: number, env: Record<string, string>) =>
    readJob({ ID: 'shop', Version: version, TaskGroups: [{ Name: 'api', Tasks: [{ Name: 'server', Env: env }] }] })
  t.equal(aJob(1, { A: '1', B: '2' }).fingerprint, aJob(3, { B: '2', A: '1' }).fingerprint)
  t.not(aJob(1, { A: '1' }).fingerprint, aJob(2, { A: '2' }).fingerprint)
})
