/** What a new reader copies. Kept in step with the plan's schema and the command line's help. */
export const CADDYFILE = `shop.example {
	reverse_proxy 127.0.0.1:8080
	log {
		output file /var/log/caddy/access.ndjson {
			roll_size 100MiB
			roll_keep 10
		}
		format json
	}
}
`

export const PLAN = `services:
  - name: shop-api
    owner: team-shop
    signals:
      - caddyLog:
          file: /var/log/caddy/access.ndjson
          host: shop.example
          path: /api/*
    promise:
      availability: 99.9%
      p95: 200ms
      errors: 0.1%
      window: 30d
`

export const IMPORT = `npx plimsoll import --service shop-api \\
  /var/log/caddy/access-*.ndjson.gz
`
