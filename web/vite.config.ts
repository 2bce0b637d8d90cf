import adapter from '@sveltejs/adapter-static'
import { sveltekit } from '@sveltejs/kit/vite'
import { defineConfig } from 'vite'

/** Where `vite dev` finds the API: Plimsoll itself, or the fixture server of the browser tests. */
const api = process.env['PLIMSOLL_API'] ?? 'http://127.0.0.1:3000'

export default defineConfig({
  plugins: [
    sveltekit({
      adapter: adapter({ pages: 'build', assets: 'build', fallback: '200.html', precompress: true, strict: true }),
      compilerOptions: { runes: true }
    })
  ],
  build: { assetsInlineLimit: 0 },
  server: { proxy: { '/api': api, '/healthz': api, '/readyz': api, '/docs': api, '/openapi.json': api } }
})
