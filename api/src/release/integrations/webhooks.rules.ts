/** What a webhook asks the gate, and where the answer goes. */
export interface Question {
  readonly repository: string
  readonly version: string
  readonly environment: string
  /** Where the answer is posted. */
  readonly answerUrl: string
}

export interface GithubQuestion extends Question {
  readonly installation: number
}

export interface GitlabQuestion extends Question {
  readonly checkId: number
}

/** Why a webhook asks nothing, or asks something that cannot be answered. */
export class NoQuestion extends Error {}

type Fields = Readonly<Record<string, unknown>>

const at = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (part, key) => (typeof part === 'object' && part !== null ? (part as Fields)[key] : undefined),
    value
  )

const textAt = (body: unknown, ...path: readonly string[]): string => {
  const value = at(body, ...path)
  if (typeof value === 'string' && value !== '' && value.length <= 2_048) return value
  throw new NoQuestion(`${path.join('.')} is missing`)
}

const numberAt = (body: unknown, ...path: readonly string[]): number => {
  const value = at(body, ...path)
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value
  throw new NoQuestion(`${path.join('.')} is missing`)
}

/**
 * A deployment protection rule that was asked: the version is the commit that is to be deployed.
 *
 * @param event - header X-GitHub-Event
 * @param apiUrl - where answers may go; a webhook that names another place is not answered
 * @throws NoQuestion
 */
export const readGithub = (event: string | undefined, body: unknown, apiUrl: string): GithubQuestion => {
  if (event !== 'deployment_protection_rule')
    throw new NoQuestion(`the event ${event ?? 'without a name'} asks nothing`)
  const action = textAt(body, 'action')
  if (action !== 'requested') throw new NoQuestion(`the action ${action} asks nothing`)
  const answerUrl = textAt(body, 'deployment_callback_url')
  if (!isBelow(answerUrl, apiUrl)) throw new NoQuestion(`its callback is not below ${apiUrl}`)
  return {
    repository: textAt(body, 'repository', 'full_name'),
    version: textAt(body, 'deployment', 'sha'),
    environment: textAt(body, 'environment').toLowerCase(),
    answerUrl,
    installation: numberAt(body, 'installation', 'id')
  }
}

/**
 * A status check of a merge request: the version is its last commit.
 *
 * @param environment - the one that the check was set up for
 * @throws NoQuestion
 */
export const readGitlab = (body: unknown, environment: string, gitlabUrl: string): GitlabQuestion => {
  if (at(body, 'object_kind') !== 'merge_request') throw new NoQuestion('only merge requests are checked')
  const project = numberAt(body, 'project', 'id')
  const request = numberAt(body, 'object_attributes', 'iid')
  return {
    repository: textAt(body, 'project', 'path_with_namespace'),
    version: textAt(body, 'object_attributes', 'last_commit', 'id'),
    environment,
    checkId: numberAt(body, 'external_approval_rule', 'id'),
    answerUrl: `${gitlabUrl}/api/v4/projects/${project}/merge_requests/${request}/status_check_responses`
  }
}

/** Whether a URL lies below another, after what is written with dots and escapes is put straight. */
const isBelow = (text: string, base: string): boolean => {
  const url = URL.parse(text)
  const root = URL.parse(base)
  if (!url || !root || url.origin !== root.origin || url.username !== '') return false
  return url.pathname.startsWith(root.pathname.endsWith('/') ? root.pathname : `${root.pathname}/`)
}
