// ESLint only for what oxlint cannot see: Svelte templates and runes
import svelte from 'eslint-plugin-svelte'
import globals from 'globals'
import ts from 'typescript-eslint'

export default [
  { ignores: ['**/*', '!web', '!web/src', '!web/src/**'] },
  ...svelte.configs.recommended,
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { globals: globals.browser, parserOptions: { parser: ts.parser } },
    rules: {
      'svelte/no-at-html-tags': 'error',
      'svelte/require-each-key': 'error',
      'svelte/button-has-type': 'error',
      // Addresses come from web/src/lib/links.ts, which resolves them
      'svelte/no-navigation-without-resolve': 'off'
    }
  }
]
