# Everything a person, a laptop or CI does with Plimsoll. `make` alone prints this help.
SHELL := /bin/bash
MAKEFLAGS += --no-builtin-rules
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
.DEFAULT_GOAL := help

installed := node_modules/.package-lock.json
web_built := .make/web-built
web_sources = $(shell find web/src web/static api/src/contract -not -name '*.test.ts' 2>/dev/null) \
	web/vite.config.ts web/package.json

## Run

.PHONY: start
start: $(installed) $(web_built) ## install and build what is missing, start Plimsoll; Ctrl-C ends it
	@exec node api/src/main.ts

.PHONY: dev
dev: $(installed) ## API and web side by side, both reload on change
	@exec node scripts/dev.ts

.PHONY: build
build: $(installed) $(web_built) ## build the web when its sources changed

## Check

.PHONY: lint
lint: $(installed) ## style, mistakes, import law, Svelte, lock file
	@exec node scripts/test.ts lint

.PHONY: types
types: $(installed) ## type-check api, scripts and web; generated files and the kept contract
	@exec node scripts/test.ts types

.PHONY: unit
unit: $(installed) ## pure tests
	@exec node scripts/test.ts unit

.PHONY: integration
integration: $(installed) ## tests over HTTP, the database and real programs
	@exec node scripts/test.ts integration

.PHONY: e2e
e2e: $(installed) $(web_built) ## browser tests
	@exec node scripts/test.ts e2e

.PHONY: e2e-deployed
e2e-deployed: $(installed) ## browser tests of a Plimsoll that runs somewhere: make e2e-deployed URL=https://…
	@URL="$(URL)" playwright test --config playwright.deployed.config.ts

.PHONY: deps
deps: ## install what the tests drive: Chromium, Caddy, Consul, PostgreSQL (Debian, root)
	@bash scripts/test-deps.sh

.PHONY: test
test: $(installed) deps ## all of the above; the last line is `N passed, N failed`
	@exec node scripts/test.ts

.PHONY: bench
bench: $(installed) $(web_built) ## measure against the targets, write BENCHMARKS.md
	@exec node scripts/bench.ts

# make ends with 2 whatever a recipe ends with; the three answers are told apart by `plimsoll perf …` itself and in the reports
.PHONY: perf-gate
perf-gate: export PERF_JSON ?= .perf/gate.json
perf-gate: export PERF_JUNIT ?= .perf/gate.xml
perf-gate: export PERF_MARKDOWN ?= .perf/gate.md
perf-gate: $(installed) $(web_built) ## load Plimsoll behind Caddy and judge its promise; reports in .perf
	@exec plimsoll perf gate

.PHONY: perf-compare
perf-compare: export PERF_JSON ?= .perf/compare.json
perf-compare: export PERF_JUNIT ?= .perf/compare.xml
perf-compare: export PERF_MARKDOWN ?= .perf/compare.md
perf-compare: $(installed) ## is HEAD slower than another commit: make perf-compare BASE=main
	@exec plimsoll perf compare $(if $(BASE),--base "$(BASE)") $(if $(HEAD),--head "$(HEAD)") \
		$(if $(WARN),--warn-when-unsure)

## Publish

.PHONY: images
images: ## build the images of the API and the edge: make images [PUSH=registry.example/team]
	@PUSH="$(PUSH)" bash scripts/image/build.sh

.PHONY: release
release: ## on GitHub, with the changelog of this version: make release TAG=v1.2.3 IMAGES='…@sha256:…'
	@TAG="$(TAG)" IMAGES="$(IMAGES)" bash scripts/release.sh

.PHONY: audit
audit: $(installed) ## known weaknesses of dependencies (where the registry answers), licences, secrets in the tree
	@node scripts/audit/main.ts

## Generate

.PHONY: openapi
openapi: $(installed) ## write api/openapi.json, then say what changed since the last commit
	@node scripts/generated/main.ts openapi
	@node scripts/openapi/main.ts

.PHONY: schema
schema: $(installed) ## write plan.schema.json from the plan's schema
	@node scripts/generated/main.ts schema

.PHONY: env
env: $(installed) ## write .env.example from the settings
	@node scripts/generated/main.ts env

.PHONY: format
format: $(installed) ## let Prettier lay out every file
	@cd web && svelte-kit sync
	@prettier --write --log-level warn .

## Operate

.PHONY: deploy
deploy: $(installed) ## through Nomad: make deploy ENV=staging|production IMAGE=registry/name@sha256:… [PROMOTE=1]
	@plimsoll deploy $(if $(ENV),--env "$(ENV)") $(if $(IMAGE),--image "$(IMAGE)") $(if $(PROMOTE),--promote)

.PHONY: deploy-edge
deploy-edge: $(installed) ## Caddy and the page: make deploy-edge ENV=staging|production IMAGE=registry/name@sha256:…
	@plimsoll deploy --job nomad/plimsoll-edge.nomad.hcl $(if $(ENV),--env "$(ENV)") $(if $(IMAGE),--image "$(IMAGE)")

.PHONY: rollback
rollback: $(installed) ## back to the version before: make rollback ENV=staging|production [TO=version]
	@plimsoll rollback $(if $(ENV),--env "$(ENV)") $(if $(TO),--to "$(TO)")

.PHONY: backup
backup: $(installed) ## copy the database while Plimsoll runs, into DATA_DIR/backups
	@plimsoll backup create

.PHONY: restore
restore: $(installed) ## put a backup back while Plimsoll is stopped: make restore FILE=data/backups/…
	@plimsoll restore $(if $(FILE),"$(FILE)",--help)

.PHONY: import
import: $(installed) ## count old access logs: make import SERVICE=shop-api FILES='access-*.log.gz'
	@plimsoll import $(if $(FILES),--service "$(SERVICE)" $(FILES),--help)

.PHONY: vault-setup
vault-setup: $(installed) ## policies, roles and engines in Vault: make vault-setup ARGS='--approle --apply'
	@plimsoll vault setup $(ARGS)

.PHONY: clean
clean: ## remove what was installed and built; data stays
	rm -rf node_modules */node_modules web/build web/.svelte-kit .make .tap .e2e

.PHONY: help
help:
	@awk 'BEGIN { FS = ":.*## " } \
		/^## / { printf "\n%s\n", substr($$0, 4) } \
		/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# npm writes this file on every install: older than the lock means something is missing
$(installed): package-lock.json
	npm ci
	@node -e 'if (!process.features.typescript) throw "Node 24.12 or later is needed, this is " + process.version'
	@touch $@

# a stamp of its own: a build that was interrupted leaves no stamp
$(web_built): $(web_sources) | $(installed)
	@echo 'building the page'
	@npm run --silent build -w web -- --logLevel warn
	@mkdir -p $(@D) && touch $@
