import { Type } from 'typebox'
import { text, wholeNumber } from '../setting.ts'

const httpUrl = '^($|https?://\\S+$)'

/** Who may call, besides API_TOKEN, LOOPBACK_OPEN and TRUST_PROXY. */
export const accessSettings = {
  PUBLIC_URL: text('where people open the page, for example https://plimsoll.example; needed for sign-in', {
    pattern: '^($|https?://[^\\s/]+$)',
    allowed: 'empty, or scheme and host (and port) without a path'
  }),
  OIDC_ISSUER: text('identity provider for people: its issuer URL; empty: nobody signs in on the page', {
    pattern: httpUrl,
    allowed:
      'empty, or an https URL (http on this machine alone), together with OIDC_CLIENT_ID, OIDC_ROLES and PUBLIC_URL'
  }),
  OIDC_CLIENT_ID: text('what the identity provider calls this program'),
  OIDC_CLIENT_SECRET: text('what this program shows the identity provider; empty: a public client, by PKCE alone', {
    secret: true
  }),
  OIDC_SCOPES: text('what is asked of the identity provider, separated by spaces', {
    default: 'openid profile email',
    pattern: '^(\\S+ )*openid( \\S+)*$',
    allowed: 'scopes separated by single spaces, openid among them'
  }),
  OIDC_ROLES: text(
    'roles of people by claims of their ID token; the first rule that fits decides, nobody else is let in: admin: groups=sre; operator/shop-api: groups=shop; viewer: *',
    { allowed: 'rules ROLE[/SERVICE+SERVICE]: CLAIM=VALUE & CLAIM=VALUE, separated by ; (or *: everybody)' }
  ),
  SESSION_IDLE_MINUTES: wholeNumber('minutes', 'a person who does nothing is signed out after this', {
    default: 60,
    minimum: 1,
    maximum: 10_080
  }),
  SESSION_HOURS: wholeNumber('hours', 'a person is signed out after this, whatever he does', {
    default: 12,
    minimum: 1,
    maximum: 720
  }),
  WORKLOAD_JWKS_URL: text(
    'keys that sign the identities of workloads, for example http://127.0.0.1:4646/.well-known/jwks.json of Nomad; empty: none is believed',
    { pattern: httpUrl, allowed: 'empty, or an http(s) URL, together with WORKLOAD_ROLES' }
  ),
  WORKLOAD_ISSUER: text('issuer that the identities of workloads must name; empty: it is not looked at'),
  WORKLOAD_AUDIENCE: text('audience that the identities of workloads must name', {
    default: 'plimsoll',
    pattern: '^\\S+$',
    allowed: 'text without spaces'
  }),
  WORKLOAD_ROLES: text(
    'roles of workloads by claims of their identity, as OIDC_ROLES: deployer/shop-api: nomad_job_id=ship-shop & nomad_namespace=default',
    { allowed: 'rules ROLE[/SERVICE+SERVICE]: CLAIM=VALUE & CLAIM=VALUE, separated by ; (or *: everybody)' }
  ),
  HEADERS_TIMEOUT_MS: wholeNumber('ms', 'how long the headers of a request may take to arrive', {
    default: 15_000,
    minimum: 100,
    maximum: 600_000
  }),
  BODY_TIMEOUT_MS: wholeNumber(
    'ms',
    'how long a JSON or YAML body may take to arrive; imports and pushes have 10 minutes',
    {
      default: 30_000,
      minimum: 100,
      maximum: 600_000
    }
  ),
  ALLOW_LINK_LOCAL: Type.Boolean({
    default: false,
    description:
      'probes, checks, webhooks and load may ask link-local addresses; true lets a plan read the metadata of a cloud machine'
  })
}
