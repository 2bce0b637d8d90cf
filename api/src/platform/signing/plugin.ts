import fp from 'fastify-plugin'
import { openLocalSigner } from './local-signer.ts'
import type { Signer } from './signer.ts'

declare module 'fastify' {
  interface FastifyInstance {
    signer: Signer
  }
}

export interface SigningOptions {
  /** A key in Vault; without one, a key in DATA_DIR. */
  readonly signer: Signer | null
}

export const signingPlugin = fp<SigningOptions>(
  async (app, { signer }) => {
    app.decorate('signer', signer ?? openLocalSigner(app.settings.DATA_DIR))
  },
  { name: 'signing', dependencies: ['ground'] }
)
