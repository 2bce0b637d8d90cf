import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AskGate, Verdict } from '../../../api/src/contract/gate.ts'
import { effectOf } from '../../../api/src/release/gate/effect.rules.ts'
import { command, type Context } from '../cli/command.ts'
import { duration } from '../cli/load-options.ts'
import { table } from '../cli/table.rules.ts'
import { exitOf, stateTones, stateWords } from '../cli/verdict.rules.ts'
import { checkOf, figure, nextSteps, verdictMarkdown } from '../gate/report.rules.ts'
import { junitOf } from '../perf/junit.rules.ts'

/** Between two looks while waiting. */
const lookEveryMs = 10_000

export const gate = command({
  noun: 'gate',
  verb: null,
  summary: 'may this version ship? Every rule with its numbers, and an exit code for CI',
  operands: [{ name: 'SERVICE', description: 'a service of the plan' }],
  options: {
    version: { type: 'string', value: 'V', required: true, description: 'as logs, jobs and images name it' },
    env: { type: 'string', value: 'E', required: true, description: 'environment: staging, production' },
    'dry-run': { type: 'boolean', description: 'keep and sign nothing' },
    wait: { type: 'string', value: 'TIME', description: 'ask again for so long while it is not known (0s)' },
    envelope: { type: 'string', value: 'FILE', description: 'write the signed verdict, for plimsoll verify' },
    junit: { type: 'string', value: 'FILE', description: 'write the rules as JUnit XML' },
    markdown: { type: 'string', value: 'FILE', description: 'write a summary in Markdown' }
  },
  examples: [
    'plimsoll gate shop-api --version 2.4.1 --env production',
    'plimsoll gate shop-api --version 2.4.1 --env staging --dry-run --json',
    'plimsoll gate shop-api --version 2.4.1 --env production --wait 10m --envelope verdict.json --junit gate.xml'
  ],
  exits: {
    0: 'it may ship, perhaps with a warning',
    1: 'it may not',
    2: 'it is not known: too little, or nothing, was measured'
  },
  async run({ operands: [service = ''], options }, context) {
    const { call, output, signal, env } = context
    const startedMs = Date.now()
    const asked: AskGate = { version: options.version, environment: options.env, dryRun: options['dry-run'] }
    if (options.wait !== undefined) await known(service, asked, duration('wait', options.wait, '0s'), context)
    const verdict = await call('POST /api/v1/services/{service}/gate', { params: { service }, body: asked, signal })
    if (options.envelope !== undefined && !verdict.dryRun) {
      const envelope = await call('GET /api/v1/verdicts/{id}/envelope', { params: { id: verdict.id }, signal })
      await write(options.envelope, `${JSON.stringify(envelope)}\n`)
    }
    const report = {
      kind: 'gate',
      title: `${service} ${verdict.version} to ${verdict.environment}`,
      state: verdict.state,
      startedAt: verdict.at,
      durationMs: Date.now() - startedMs,
      checks: verdict.rules.map(checkOf)
    }
    if (options.junit !== undefined) await write(options.junit, junitOf(report))
    const markdown = verdictMarkdown(verdict)
    if (options.markdown !== undefined) await write(options.markdown, markdown)
    if (env['GITHUB_STEP_SUMMARY']) await appendFile(env['GITHUB_STEP_SUMMARY'], markdown)
    output.result(verdict, screen(verdict, output))
    return exitOf([verdict.state])
  }
})

/** Waits until the gate knows, or the time is over. What it says meanwhile is not kept. */
const known = async (
  service: string,
  asked: AskGate,
  waitMs: number,
  { call, output, signal }: Context
): Promise<void> => {
  const endMs = Date.now() + waitMs
  while (Date.now() < endMs) {
    const { state, text } = await call('POST /api/v1/services/{service}/gate', {
      params: { service },
      body: { ...asked, dryRun: true },
      signal
    })
    if (exitOf([state]) !== 2) return
    output.progress(`${text}; asking again`)
    await sleep(Math.min(lookEveryMs, Math.max(0, endMs - Date.now())), undefined, { signal })
  }
}

/** One screen: the sentence, the rules, what to do. */
const screen = (verdict: Verdict, output: Context['output']): string[] => [
  output.tone(stateTones[verdict.state], verdict.text),
  '',
  ...table(verdict.rules, [
    { title: 'RULE', cell: (rule) => rule.title },
    {
      title: 'SAYS',
      cell: (rule) => output.tone(stateTones[effectOf(rule)], stateWords[rule.state]) + overridden(rule)
    },
    { title: 'VALUE', cell: (rule) => figure(rule.value, rule.unit) },
    { title: 'LIMIT', cell: (rule) => figure(rule.limit, rule.unit) },
    { title: 'WHY', cell: (rule) => rule.text }
  ]),
  ...nextSteps(verdict).flatMap((step, i) => (i === 0 ? ['', `next: ${step}`] : [`      ${step}`])),
  ...(verdict.dryRun ? ['', 'a dry run: nothing was kept'] : ['', `verdict ${verdict.id}`])
]

const overridden = ({ overriddenBy }: Verdict['rules'][number]): string =>
  overriddenBy === null ? '' : ' (overridden)'

const write = async (file: string, text: string): Promise<void> => {
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, text)
}
