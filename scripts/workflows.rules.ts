import { parse } from 'yaml'

interface Step {
  readonly uses?: string
  readonly run?: string
}

interface Job {
  readonly steps?: readonly Step[]
  readonly 'timeout-minutes'?: number
  readonly permissions?: unknown
}

interface Workflow {
  readonly permissions?: unknown
  readonly jobs: Readonly<Record<string, Job>>
}

/**
 * What a workflow does that it should not: an action that is not pinned to a commit with its
 * version beside it, a job without a time limit, permissions that are not said, or a step that a
 * laptop has no words for.
 *
 * @param text - the workflow, YAML
 * @returns a sentence for each fault; empty when it is as it should be
 */
export function workflowFaults(text: string): string[] {
  const { permissions, jobs } = parse(text) as Workflow
  const unpinned = [...text.matchAll(/^\s*(?:- )?uses:\s*(.*)$/gm)]
    .map(([, use]) => use!)
    .filter((use) => !/^\S+@[0-9a-f]{40} # v\d+(\.\d+)*$/.test(use))
    .map((use) => `${use} is not pinned by the SHA of a commit with its version in a comment`)
  return [
    ...(permissions === undefined ? ['it does not say its permissions'] : []),
    ...unpinned,
    ...Object.entries(jobs).flatMap(([name, job]) => [
      ...(job['timeout-minutes'] === undefined ? [`job ${name} has no timeout-minutes`] : []),
      ...(job.steps ?? [])
        .flatMap(({ run }) => run?.trim().split('\n') ?? [])
        .filter((line) => !/^(make |npm ci$|rm node_modules\/\.bin\/node$)/.test(line.trim()))
        .map((line) => `job ${name} runs \`${line.trim()}\`: let it be a target of the Makefile`)
    ])
  ]
}
