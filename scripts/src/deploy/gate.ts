import type { AskGate, Verdict } from '../../../api/src/contract/gate.ts'
import { ApiError } from '../../../api/src/contract/client.ts'
import type { Context } from '../cli/command.ts'
import { stateTones, stateWords } from '../cli/verdict.rules.ts'

/** What the gate says of a release; `none` when nobody could be asked. */
export type GateAnswer =
  { readonly kind: 'verdict'; readonly verdict: Verdict } | { readonly kind: 'none'; readonly text: string }

/**
 * Asks the release gate of the Plimsoll that was named. A server without a gate is told apart from
 * one that does not answer: that stops the deploy.
 */
export async function askGate(
  { service, ...body }: AskGate & { service: string },
  { call, signal, serverNamed }: Pick<Context, 'call' | 'signal' | 'serverNamed'>
): Promise<GateAnswer> {
  if (!serverNamed) return { kind: 'none', text: 'no gate asked: no Plimsoll is named (PLIMSOLL_URL or --url)' }
  try {
    const verdict = await call('POST /api/v1/services/{service}/gate', { params: { service }, body, signal })
    return { kind: 'verdict', verdict }
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error
    const known = error.problem?.detail ?? 'that Plimsoll has no gate yet'
    return { kind: 'none', text: `no gate asked: ${known}` }
  }
}

/**
 * Puts the release on record with what it changes, where a Plimsoll is named. Nothing depends on it: a
 * service without releases in the plan, or a Plimsoll that does not take it, is told and no more.
 *
 * @returns what to tell; null: it was taken
 */
export async function announce(
  release: { service: string; version: string; environment: string; planDiff: readonly string[] },
  { call, signal, serverNamed }: Pick<Context, 'call' | 'signal' | 'serverNamed'>
): Promise<string | null> {
  if (!serverNamed) return null
  const planDiff = release.planDiff.slice(0, mostLines).map((line) => line.slice(0, longestLine))
  try {
    await call('POST /api/v1/releases', { body: { ...release, planDiff, source: 'deploy' }, signal })
    return null
  } catch (error) {
    if (error instanceof ApiError) return `the release is not on record: ${error.message}`
    throw error
  }
}

/** As the API takes them. */
const mostLines = 200
const longestLine = 500

/** The verdict on a few lines: each rule that does not pass, with its next step. */
export function gateLines({ verdict }: { verdict: Verdict }, tone: Context['output']['tone']): string[] {
  const rules = verdict.rules.filter(({ state }) => state !== 'pass')
  return [
    `gate: ${tone(stateTones[verdict.state], stateWords[verdict.state])}: ${verdict.text}`,
    ...rules.map(({ title, state, text, next, overriddenBy }) => {
      const overridden = overriddenBy === null ? '' : ` (overridden by ${overriddenBy})`
      return `  ${stateWords[state]}: ${title}: ${text}${overridden}${next === null ? '' : `; ${next}`}`
    })
  ]
}
