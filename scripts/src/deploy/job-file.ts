import { execFile } from 'node:child_process'
import { readFile, readdir } from 'node:fs/promises'
import { join, dirname } from 'node:path'
import { promisify } from 'node:util'
import type { Nomad } from '../../../api/src/platform/nomad/client.ts'
import { refusals } from '../../../api/src/platform/nomad/errors.ts'
import { refusalKind, refusalText } from '../../../api/src/platform/nomad/refusal.rules.ts'
import type { WireJob } from '../../../api/src/platform/nomad/wire.ts'
import { Failure, wrongUsage } from '../cli/failure.ts'

const exec = promisify(execFile)

/** A job as its file and the variables of an environment make it, and the way to hand it in. */
export interface JobFile {
  /** The job as Nomad would register it. */
  readonly job: WireJob
  /** How it is handed in, for the record. */
  readonly through: string
  /** Hands it in unless somebody changed the job since `checkIndex` was read. Throws coded errors. */
  register(checkIndex: number): Promise<void>
}

export interface JobFileOrder {
  /** Path of the HCL. */
  readonly file: string
  /** Name of the environment: `vars/NAME.vars.hcl` lies beside the job. */
  readonly environment: string
  readonly variables: Readonly<Record<string, string>>
  /** Not to use the nomad command even when it is there. */
  readonly apiOnly: boolean
  readonly env: Readonly<Record<string, string | undefined>>
}

/**
 * Reads a job. With the `nomad` command on PATH it does the reading and the handing in (`nomad job
 * run -check-index`), so that what HCL may do on this machine works; without it Nomad's API does.
 * What became of it is read from the API in both cases, never from the command's exit code.
 */
export async function readJobFile(order: JobFileOrder, nomad: Nomad, signal: AbortSignal): Promise<JobFile> {
  const hcl = await readFile(order.file, 'utf8')
  const varsFile = join(dirname(order.file), 'vars', `${order.environment}.vars.hcl`)
  const vars = await readFile(varsFile, 'utf8').catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    const known = await environmentsBeside(order.file)
    throw wrongUsage(
      `there is no ${varsFile}`,
      known.length > 0
        ? `environments with variables: ${known.join(', ')}`
        : 'write the variables of the environment there'
    )
  })
  const jobFile =
    !order.apiOnly && (await hasNomadCommand(order.env))
      ? await throughCommand(order, varsFile, signal)
      : await throughApi({ hcl, vars, order }, nomad, signal)
  checkVariables(jobFile.job, order.variables)
  return jobFile
}

const environmentsBeside = async (file: string): Promise<string[]> => {
  const names = await readdir(join(dirname(file), 'vars')).catch(() => [])
  return names.flatMap((name) => /^(.+)\.vars\.hcl$/.exec(name)?.[1] ?? []).toSorted()
}

const hasNomadCommand = (env: JobFileOrder['env']): Promise<boolean> =>
  exec('nomad', ['version'], { env }).then(
    () => true,
    () => false
  )

async function throughCommand(order: JobFileOrder, varsFile: string, signal: AbortSignal): Promise<JobFile> {
  const given = Object.entries(order.variables).flatMap(([name, value]) => ['-var', `${name}=${value}`])
  const run = async (...options: string[]): Promise<string> => {
    // the variables of an environment are those of all jobs; a misspelt one is found by checkVariables
    const args = ['job', 'run', '-hcl2-strict=false', ...options, `-var-file=${varsFile}`, ...given, order.file]
    try {
      return (await exec('nomad', args, { env: order.env, signal, maxBuffer: 64 * 1024 * 1024 })).stdout
    } catch (error) {
      if (signal.aborted) throw error
      const said = (error as { stderr?: string }).stderr ?? String(error)
      throw refusals[refusalKind(500, said)](`nomad job run says: ${refusalText(said)}`)
    }
  }
  const { Job } = JSON.parse(await run('-output')) as { Job: WireJob }
  return {
    job: Job,
    through: 'nomad job run',
    register: async (checkIndex) => void (await run('-detach', '-check-index', String(checkIndex)))
  }
}

async function throughApi(
  { hcl, vars, order }: { hcl: string; vars: string; order: JobFileOrder },
  nomad: Nomad,
  signal: AbortSignal
): Promise<JobFile> {
  const given = Object.entries(order.variables).map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`)
  const variables = `${vars.trimEnd()}\n${given.join('')}`
  const job = await nomad.parse(hcl, variables, { signal })
  return {
    job,
    through: 'the API of Nomad',
    register: async (checkIndex) => void (await nomad.register(job, checkIndex, { hcl, variables }))
  }
}

/** Nomad before 1.6 leaves variables out without a word, and a misspelt one is no error either. */
function checkVariables(job: WireJob, variables: Readonly<Record<string, string>>): void {
  const text = JSON.stringify(job)
  const lost = Object.entries(variables).filter(([, value]) => !text.includes(value))
  if (lost.length === 0) return
  const [name, value] = lost[0]!
  throw new Failure(
    'PLIMSOLL_DEPLOY_VARIABLE_LOST',
    `the job does not say ${value}: its variable ${name} had no effect`,
    {
      hint: 'does the job use the variable? Nomad before 1.6 takes variables only from the nomad command: put that on PATH'
    }
  )
}
