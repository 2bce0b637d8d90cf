import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Verdict } from '../../contract/gate.ts'
import { integrationRoutes } from '../../contract/integrations.ts'
import { on } from '../../contract/route.ts'
import { messageOf } from '../../platform/errors.ts'
import { readText } from '../../platform/http/bodies.ts'
import { isSignedWith } from '../gate/evidence/signature.rules.ts'
import { GithubAnswers, answerGitlab } from './answers.ts'
import { integrationUnset, webhookUnreadable, webhookUnsigned } from './errors.ts'
import { NoQuestion, readGithub, readGitlab, type Question } from './webhooks.rules.ts'

/** An answer that was not taken is given again after each of these, milliseconds. */
const retriesMs = [1_000, 10_000, 60_000]

/** The gate for pipelines elsewhere: GitHub's deployment protection rules, GitLab's external status checks. */
export const integrationsPlugin = fp(
  async (instance) => {
    const app = instance.withTypeProvider<TypeBoxTypeProvider>()
    const { clock, secrets } = app
    const settings = () => secrets.settings
    const github = new GithubAnswers({ clock, settings })

    app.route({
      ...on(integrationRoutes, 'POST /api/v1/integrations/github'),
      handler: async (request, reply) => {
        const keys = secrets.accepted('GITHUB_WEBHOOK_SECRET')
        const text = await believed(request, keys, 'x-hub-signature-256', 'GITHUB_WEBHOOK_SECRET')
        reply.code(202)
        return answered(() =>
          decide(
            app,
            readGithub(headerOf(request, 'x-github-event'), parse(text), settings().GITHUB_API_URL),
            'github',
            (question, verdicts) => github.give(question, verdicts)
          )
        )
      }
    })

    app.route({
      ...on(integrationRoutes, 'POST /api/v1/integrations/gitlab'),
      handler: async (request, reply) => {
        const keys = secrets.accepted('GITLAB_WEBHOOK_SECRET')
        const text = await believed(request, keys, 'x-gitlab-signature', 'GITLAB_WEBHOOK_SECRET')
        const environment = request.query.environment ?? 'production'
        reply.code(202)
        return answered(() =>
          decide(app, readGitlab(parse(text), environment, settings().GITLAB_URL), 'gitlab', (question, verdicts) =>
            answerGitlab(question, verdicts, settings().GITLAB_TOKEN)
          )
        )
      }
    })
  },
  { name: 'integrations', dependencies: ['ground', 'gate'] }
)

const headerOf = ({ headers }: FastifyRequest, name: string): string | undefined => [headers[name]].flat()[0]

/** The body of a webhook that was signed with one of the keys; GitLab leaves the name of the hash away. */
const believed = async (
  request: FastifyRequest,
  keys: readonly string[],
  header: string,
  setting: string
): Promise<string> => {
  if (keys.length === 0) throw integrationUnset(`${setting} is not set`, { hint: `set ${setting}` })
  const text = await readText(request, request.server.settings.BODY_LIMIT_BYTES)
  const given = headerOf(request, header)
  const signature = given?.includes('=') ? given : `sha256=${given}`
  if (!keys.some((key) => isSignedWith(key, text, signature))) throw webhookUnsigned(`${header} does not fit the body`)
  return text
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    throw webhookUnreadable('it is not JSON')
  }
}

interface Answered {
  readonly verdicts: readonly Verdict[]
  readonly text: string
}

/** A webhook that asks nothing is fine: GitHub sends a ping first. */
const answered = async (ask: () => Promise<Answered>): Promise<{ verdicts: Verdict[]; text: string }> => {
  try {
    const { verdicts, text } = await ask()
    return { verdicts: [...verdicts], text }
  } catch (error) {
    if (error instanceof NoQuestion) return { verdicts: [], text: error.message }
    throw error
  }
}

/** Asks the gate about every service of the repository, and gives the answer in the background, again until it is taken. */
const decide = async <Q extends Question>(
  app: FastifyInstance,
  question: Q,
  by: string,
  give: (question: Q, verdicts: readonly Verdict[]) => Promise<void>
): Promise<Answered> => {
  const { repository, version, environment } = question
  const services = app.plan.current().services.filter(({ gate }) => gate.repository === repository)
  if (services.length === 0) throw new NoQuestion(`no service of the plan has \`gate.repository: ${repository}\``)
  const verdicts = await Promise.all(
    services.map((service) => app.gate.ask(service, { version, environment }, `${by}: ${repository}`))
  )
  const attempt = (retry: number): void => {
    give(question, verdicts).catch((error: unknown) => {
      const waitMs = retriesMs[retry]
      app.log.warn(
        { reason: messageOf(error), repository, again: waitMs !== undefined },
        `${by} did not take the answer`
      )
      if (waitMs !== undefined) app.clock.after(waitMs, () => attempt(retry + 1))
    })
  }
  attempt(0)
  return { verdicts, text: verdicts.map(({ text }) => text).join('; ') }
}
