import { text } from './setting.ts'

const httpBase = { pattern: String.raw`^(https?://\S+[^/])?$`, allowed: 'an http(s) URL without a slash at its end' }

/** The release gate for pipelines elsewhere. */
export const integrationSettings = {
  GITHUB_WEBHOOK_SECRET: text(
    'key of the webhooks of a GitHub App, whose deployment protection rule asks the gate; empty: none is taken',
    { secret: true }
  ),
  GITHUB_APP_ID: text('id of that GitHub App, by which Plimsoll answers'),
  GITHUB_APP_KEY: text('private key of that GitHub App, PEM', { secret: true }),
  GITHUB_API_URL: text("GitHub's API; only there is ever answered", { default: 'https://api.github.com', ...httpBase }),
  GITLAB_WEBHOOK_SECRET: text(
    'shared secret of a GitLab external status check that asks the gate; empty: none is taken',
    { secret: true }
  ),
  GITLAB_TOKEN: text('token by which Plimsoll answers GitLab: scope api', { secret: true }),
  GITLAB_URL: text('GitLab; only there is ever answered', { default: 'https://gitlab.com', ...httpBase })
}
