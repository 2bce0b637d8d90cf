/** What a reader copies to make a first release known. Kept in step with the plan's schema, the Makefile and the contract. */

export const DEPLOY = `make deploy ENV=production IMAGE=registry.example/shop@sha256:…
`

export const planRelease = (service: string): string => `services:
  - name: ${service}
    release:
      nomad: { job: ${service} }
      act: false # observe first; true lets it promote and fail
`

export const announce = (service: string): string => `curl -X POST http://127.0.0.1:3000/api/v1/releases \\
  -H 'content-type: application/json' -d '{
    "service": "${service}", "version": "2026.11.4",
    "environment": "production", "analyse": true }'
`
