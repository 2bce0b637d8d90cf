import { text } from '../setting.ts'

/** Where Nomad is, in the words of its own commands. Used when a service of the plan names a job. */
export const nomadSettings = {
  NOMAD_ADDR: text('address of Nomad, or unix:// and the task API; empty: http://127.0.0.1:4646', {
    pattern: '^($|https?://[^/\\s?#@]+/?$|unix:///\\S+$)',
    allowed: 'empty, https://HOST:PORT, http:// where nobody listens in, or unix:///…/api.sock'
  }),
  NOMAD_TOKEN: text('token for Nomad; empty: NOMAD_TOKEN_FILE, or none', { secret: true }),
  NOMAD_TOKEN_FILE: text('file of a token that Nomad keeps fresh, for example $NOMAD_SECRETS_DIR/nomad_token'),
  NOMAD_REGION: text('region of Nomad; empty: that of the agent'),
  NOMAD_CACERT: text('file of the CA certificates that Nomad is trusted by, PEM; empty: those of the system'),
  NOMAD_CLIENT_CERT: text('file of the certificate shown to Nomad, PEM'),
  NOMAD_CLIENT_KEY: text('file of its key, PEM'),
  NOMAD_TLS_SERVER_NAME: text('name that the certificate of Nomad must have; empty: the host of its address')
}
