// The import law of the house (CONTRIBUTING.md shows the picture): a floor imports only what lies below it.
const floors = ['contract', 'platform', 'plan', 'signals', 'slo', 'load', 'release']
const room = (name) => `^api/src/${name}/`

const upwards = floors.map((floor, level) => ({
  name: `${floor}-imports-only-below`,
  comment: `${floor}/ is floor ${level}: it may import itself and the floors below it`,
  severity: 'error',
  from: { path: room(floor) },
  to: { path: [...floors.slice(level + 1).map(room), '^api/src/[^/]+\\.ts$'] }
}))

module.exports = {
  forbidden: [
    ...upwards,
    {
      name: 'api-stands-alone',
      comment: 'the page and the commands lie above the API; a test may borrow the bench’s generator of log lines',
      severity: 'error',
      from: { path: '^api/src/', pathNot: '\\.test\\.ts$' },
      to: { path: ['^web/', '^scripts/'] }
    },
    {
      name: 'only-tests-use-test-support',
      severity: 'error',
      from: { path: '^(api|scripts|web)/', pathNot: '\\.test\\.ts$|^api/test/|^web/e2e/' },
      to: { path: '^api/test/' }
    },
    {
      name: 'no-cycles',
      comment: 'two files that need each other are one file, or hide a third',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } }
    },
    {
      name: 'rules-are-pure',
      comment: '*.rules.ts are functions of their arguments: no I/O, no timers, no framework, no store, no logger',
      severity: 'error',
      from: { path: '\\.rules\\.ts$' },
      to: {
        dependencyTypesNot: ['type-only'],
        path: [
          '^(node:)?(fs|net|http|https|http2|tls|dgram|dns|timers|child_process|worker_threads|sqlite|cluster)(/|$)',
          'node_modules/(@fastify|fastify|fastify-plugin|kysely|pg|pino|undici|node-vault)(/|$)'
        ]
      }
    },
    {
      name: 'rules-do-not-import-stores',
      comment: 'a rule that reaches a store, a job or a plugin is no rule',
      severity: 'error',
      from: { path: '\\.rules\\.ts$' },
      to: { dependencyTypesNot: ['type-only'], path: '/(store|plugin|routes)\\.ts$|\\.job\\.ts$' }
    },
    {
      name: 'web-imports-only-the-contract',
      comment: 'the page knows the API by its contract alone',
      severity: 'error',
      from: { path: '^web/src/' },
      to: { path: '^(api/(?!src/contract/)|scripts/)' }
    },
    {
      name: 'commands-import-contract-load-and-rules',
      comment:
        'scripts/ speaks HTTP through the contract; besides it may use load/, rules, and the offline engines named here',
      severity: 'error',
      from: { path: '^scripts/src/', pathNot: '\\.test\\.ts$' },
      to: {
        path: '^(api/|web/)',
        pathNot: [
          '^api/src/(contract|load|plan)/',
          '\\.rules\\.ts$',
          '^api/src/platform/(database/|nomad/|vault/|settings|errors|data-dir)'
        ]
      }
    },
    {
      name: 'tests-are-not-imported',
      severity: 'error',
      from: { pathNot: '\\.test\\.ts$' },
      to: { path: '\\.test\\.ts$' }
    },
    {
      name: 'no-unresolvable',
      comment: 'a dependency that is not declared or not there',
      severity: 'error',
      from: { path: '^(api|scripts)/' },
      to: { couldNotResolve: true }
    }
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(\\.svelte-kit|\\.tap|build)/|^web/e2e/' },
    tsPreCompilationDeps: 'specify',
    tsConfig: { fileName: 'api/tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] }
  }
}
