import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { LoadRun } from '../../../../api/src/contract/load.ts'
import type { LoadSession, LoadSubject } from '../../../../api/src/load/run/load.ts'
import type { Context } from '../../cli/command.ts'
import { wrongUsage } from '../../cli/failure.ts'
import { subjectOf } from '../../cli/load-options.ts'
import { ownCheckout } from '../../cli/own-checkout.ts'
import { startPlimsoll, type ServerUnderTest } from '../plimsoll-server.ts'
import type { ComparedVersion } from '../report.ts'
import { subjectOfServer } from '../subject.ts'
import type { Compared, ComparePlan, CompareWatch } from './compared.ts'
import type { CompareGiven } from './options.ts'
import { pinnedFile } from './pinned.ts'
import { asReference, runIn, sameMachine } from './reference.rules.ts'
import type { Pair } from './rounds.ts'
import { Scratch } from './scratch.ts'

/** What all three ways of comparing need. */
export interface Task {
  readonly given: CompareGiven
  readonly plan: ComparePlan
  readonly context: Context
}

/** What a comparison came to, and of what. */
export interface Found extends Compared {
  readonly base: ComparedVersion
  readonly head: ComparedVersion
}

/** One way of coming by two versions. */
export type Way = (task: Task) => Promise<Found>

/** Two commits, each checked out and started here. */
export const byCommits: Way = async ({ given, plan, context }) => {
  const { output, signal } = context
  const scratch = await Scratch.open(ownCheckout, signal)
  const open: (() => Promise<void>)[] = [() => scratch.close()]
  try {
    if (given.head === undefined && (await scratch.hasChanges())) {
      output.note('changes that are not committed are not measured')
    }
    const checkedOut = async (name: 'base' | 'head', ref: string) => {
      output.note(`building ${name} (${ref})`)
      return scratch.checkOut(name, ref)
    }
    const versions = [await checkedOut('base', given.base!), await checkedOut('head', given.head ?? 'HEAD')]
    const start = async (): Promise<Started> => {
      const servers: ServerUnderTest[] = []
      const stop = async (): Promise<void> => {
        for (const server of servers) await server.stop()
      }
      open[1] = stop
      const subjects: LoadSubject[] = []
      for (const version of versions) {
        const server = await startPlimsoll({ checkout: version.folder, bare: given.bare, signal })
        servers.push(server)
        const release = given.release ?? version.commit.slice(0, 12)
        subjects.push(await subjectOfServer(server, version.folder, { ...given, release }, context))
      }
      return { subjects, stop }
    }
    const [base, head] = versions.map(({ ref, commit }) => ({ name: `${ref} (${commit.slice(0, 12)})`, commit }))
    return { base: base!, head: head!, ...(await between(await start(), plan, context, start)) }
  } finally {
    for (const close of open.toReversed()) await close()
  }
}

/** Both versions, running. */
interface Started {
  readonly subjects: readonly LoadSubject[]
  readonly stop: () => Promise<void>
}

/** Two servers that run already. */
export const byTargets: Way = async ({ given, plan, context }) => {
  const urls = [given['base-target']!, given.target!]
  const subjects = []
  for (const url of urls) subjects.push(await subjectOf(url, given, context))
  const [base, head] = urls.map((name) => ({ name, commit: null }))
  const running = { subjects, stop: () => Promise.resolve() }
  return { base: base!, head: head!, ...(await between(running, plan, context)) }
}

const between = async (
  first: Started,
  plan: ComparePlan,
  context: Context,
  again?: () => Promise<Started>
): Promise<Compared> => {
  const { compareVersions } = await import('./compare.ts')
  let started = first
  let sessions = await opened(started.subjects, context)
  const close = async (): Promise<void> => {
    for (const session of sessions) await session.close()
    sessions = []
  }
  const pair = (): Pair => ({ base: sessions[0]!, head: sessions[1]! })
  const renew =
    again &&
    (async (): Promise<Pair> => {
      await close()
      await started.stop()
      started = await again()
      sessions = await opened(started.subjects, context)
      return pair()
    })
  try {
    return await compareVersions(pair(), plan, { ...watchOf(context), ...(renew && { renew }) })
  } finally {
    await close()
  }
}

/** One server against a stored run. */
export const byReference: Way = async ({ given, plan, context }) => {
  const { output, signal } = context
  const name = given.reference ?? pinnedFile
  const reference = asReference(await storedRun(name, given, context))
  const { gitCommit, thisMachine } = await import('../../../../api/src/load/run/machine.ts')
  sameMachine(reference, thisMachine())
  const { compareWithReference } = await import('./against-reference.ts')
  output.note(`comparing with the run ${reference.run.id} of ${reference.run.startedAt}`)
  const server =
    given.target === undefined ? await startPlimsoll({ checkout: ownCheckout, bare: given.bare, signal }) : null
  const sessions: LoadSession[] = []
  try {
    const subject = server
      ? await subjectOfServer(server, ownCheckout, given, context)
      : await subjectOf(given.target!, given, context)
    sessions.push(...(await opened([{ ...subject, promised: reference.run.promised }], context)))
    const found = await compareWithReference(sessions[0]!, reference, plan, watchOf(context))
    const commit = server ? await gitCommit(ownCheckout) : null
    return {
      base: { name: `run ${reference.run.id}`, commit: reference.run.commit },
      head: { name: given.target ?? 'this checkout', commit },
      ...found
    }
  } finally {
    for (const session of sessions) await session.close()
    await server?.stop()
  }
}

/** A file, or a run that the named Plimsoll keeps. */
const storedRun = async (name: string, given: CompareGiven, { call }: Context): Promise<LoadRun> => {
  if (existsSync(name)) return runIn(await readFile(name, 'utf8'), name)
  if (/[/\\]|\.json$/.test(name)) throw Object.assign(new Error(`no such file, open ${name}`), { code: 'ENOENT' })
  if (given.service === undefined) throw wrongUsage('--reference RUN_ID needs --service NAME', 'the service of the run')
  return call('GET /api/v1/services/{service}/runs/{id}', { params: { service: given.service, id: name } })
}

/** Sessions of all subjects, or of none. */
const opened = async (subjects: readonly LoadSubject[], { signal }: Context): Promise<LoadSession[]> => {
  const { LoadSession: Session } = await import('../../../../api/src/load/run/load.ts')
  const sessions: LoadSession[] = []
  try {
    for (const subject of subjects) sessions.push(await Session.open(subject, signal))
    return sessions
  } catch (error) {
    for (const session of sessions) await session.close()
    throw error
  }
}

const watchOf = ({ output, signal }: Context): CompareWatch => ({
  signal,
  onRound: (text) => (output.live ? output.progress(text) : output.note(text))
})
