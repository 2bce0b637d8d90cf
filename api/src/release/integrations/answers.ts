import { SignJWT, importPKCS8 } from 'jose'
import { createPrivateKey } from 'node:crypto'
import { request } from 'undici'
import type { Verdict } from '../../contract/gate.ts'
import type { Clock } from '../../platform/clock.ts'
import { codedError } from '../../platform/errors.ts'
import type { Settings } from '../../platform/settings.ts'
import type { GithubQuestion, GitlabQuestion } from './webhooks.rules.ts'

const answerRefused = codedError({
  code: 'PLIMSOLL_ANSWER_REFUSED',
  status: 502,
  title: 'The answer was not taken'
})

const timeoutMs = 10_000

interface Tools {
  readonly clock: Clock
  /** In force now: a rotated token is used at once. */
  readonly settings: () => Settings
}

/** Approves or rejects a deployment on GitHub, as the installation of an app. */
export class GithubAnswers {
  readonly #tools: Tools
  readonly #tokens = new Map<number, { readonly token: string; readonly untilMs: number }>()

  constructor(tools: Tools) {
    this.#tools = tools
  }

  /** @throws PLIMSOLL_ANSWER_REFUSED */
  async give(question: GithubQuestion, verdicts: readonly Verdict[]): Promise<void> {
    const token = await this.#tokenOf(question.installation)
    await post(question.answerUrl, {
      headers: { ...githubHeaders, authorization: `Bearer ${token}` },
      body: {
        environment_name: question.environment,
        state: verdicts.every(({ mayShip }) => mayShip) ? 'approved' : 'rejected',
        comment: commentOf(verdicts)
      }
    })
  }

  async #tokenOf(installation: number): Promise<string> {
    const { clock, settings } = this.#tools
    const kept = this.#tokens.get(installation)
    if (kept && kept.untilMs > clock.nowMs()) return kept.token
    const { GITHUB_API_URL, GITHUB_APP_ID, GITHUB_APP_KEY } = settings()
    const nowS = Math.floor(clock.nowMs() / 1_000)
    const key = createPrivateKey(GITHUB_APP_KEY).export({ type: 'pkcs8', format: 'pem' }).toString()
    const jwt = await new SignJWT()
      .setProtectedHeader({ alg: 'RS256' })
      .setIssuer(GITHUB_APP_ID)
      .setIssuedAt(nowS - clockSkewS)
      .setExpirationTime(nowS + appTokenS)
      .sign(await importPKCS8(key, 'RS256'))
    const reply = (await post(`${GITHUB_API_URL}/app/installations/${installation}/access_tokens`, {
      headers: { ...githubHeaders, authorization: `Bearer ${jwt}` },
      body: {}
    })) as { readonly token?: unknown; readonly expires_at?: unknown } | null
    if (typeof reply?.token !== 'string') throw answerRefused('GitHub gave no token for the installation')
    const endsMs = Date.parse(String(reply.expires_at))
    this.#tokens.set(installation, { token: reply.token, untilMs: (endsMs || clock.nowMs()) - tokenMarginMs })
    return reply.token
  }
}

const clockSkewS = 60
/** GitHub takes at most ten minutes. */
const appTokenS = 540
const tokenMarginMs = 60_000
const githubHeaders = { accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28' }

/** GitHub shows a comment of at most so many characters. */
const longestComment = 60_000

const commentOf = (verdicts: readonly Verdict[]): string =>
  verdicts
    .map(({ text, rules, id }) =>
      [
        text,
        ...rules
          .filter(({ state }) => state !== 'pass')
          .map((rule) => `- ${rule.title}: ${rule.text}${rule.next === null ? '' : `; next: ${rule.next}`}`),
        `verdict ${id}`
      ].join('\n')
    )
    .join('\n\n')
    .slice(0, longestComment)

/** Passes or fails a status check on GitLab. What is not known is not passed. */
export const answerGitlab = async (
  { answerUrl, checkId, version }: GitlabQuestion,
  verdicts: readonly Verdict[],
  token: string
): Promise<void> => {
  const status = verdicts.every(({ mayShip }) => mayShip) ? 'passed' : 'failed'
  await post(answerUrl, {
    headers: { 'private-token': token },
    body: { sha: version, external_status_check_id: checkId, status }
  })
}

const post = async (
  url: string,
  { headers, body }: { readonly headers: Record<string, string>; readonly body: object }
): Promise<unknown> => {
  const reply = await request(url, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', 'user-agent': 'plimsoll' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(timeoutMs)
  })
  const text = await reply.body.text()
  if (reply.statusCode >= 300) throw answerRefused(`${new URL(url).host} answers ${reply.statusCode}`)
  try {
    return text === '' ? null : JSON.parse(text)
  } catch {
    return null
  }
}
