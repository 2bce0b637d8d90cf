import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The content security policy of the built page, as helmet takes it: no inline script runs but those
 * that are in the build, known by their hashes.
 *
 * @param root - directory of the build
 */
export const pagePolicy = (root: string) => {
  const { scripts, styles } = inlineHashes(root)
  return {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      baseUri: ["'self'"],
      connectSrc: ["'self'"],
      fontSrc: ["'self'"],
      formAction: ["'self'"],
      frameAncestors: ["'none'"],
      imgSrc: ["'self'", 'data:'],
      manifestSrc: ["'self'"],
      objectSrc: ["'none'"],
      scriptSrc: ["'self'", ...scripts],
      scriptSrcAttr: ["'none'"],
      styleSrc: ["'self'"],
      // the one style attribute at run time is that of SvelteKit's live announcer
      styleSrcAttr: ["'unsafe-hashes'", "'sha256-S8qMpvofolR8Mpjy4kQvEm7m1q8clzU4dfDH0AmvZjo='", ...styles],
      requireTrustedTypesFor: ["'script'"],
      trustedTypes: ['svelte-trusted-html', "'allow-duplicates'"]
    }
  }
}

/** Hashes of inline scripts and of style attributes in all HTML of the build. They change with every build. */
export function inlineHashes(root: string): { scripts: string[]; styles: string[] } {
  const pages = globSync('**/*.html', { cwd: root }).map((name) => readFileSync(join(root, name), 'utf8'))
  return {
    scripts: hashesOf(pages, /<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g),
    styles: hashesOf(pages, /<[a-z][^>]*\sstyle="([^"]*)"/g)
  }
}

const hashesOf = (pages: readonly string[], pattern: RegExp): string[] => [
  ...new Set(
    pages
      .flatMap((html) => [...html.matchAll(pattern)])
      .map(([, text = '']) => {
        return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
      })
  )
]
