/** What secrets look like that programs hand out; none of them belongs into a repository. */
const kinds: Readonly<Record<string, RegExp>> = {
  'a private key': /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s*[A-Za-z0-9+/=]{20}/,
  'a token of Plimsoll': /\bplm_[\w-]{43}\b/,
  'a token of Vault': /\bhv[sbr]\.[\w-]{24,}/,
  'a key of Amazon': /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/,
  'a token of GitHub': /\bgh[pousr]_[A-Za-z0-9]{36}\b|\bgithub_pat_\w{60,}/,
  'a token of GitLab': /\bglpat-[\w-]{20}\b/,
  'a token of npm': /\bnpm_[A-Za-z0-9]{36}\b/,
  'a token of Slack': /\bxox[abprs]-[\w-]{20,}/,
  'a key of Google': /\bAIza[\w-]{35}\b/,
  'a signed JWT': /\beyJ[\w-]{20,}\.eyJ[\w-]{20,}\.[\w-]{40,}/,
  'a password in a URL':
    /\b(?:postgres(?:ql)?|https?|redis|amqp):\/\/[^\s:/@'"`${}]+:(?!\*+@|PASSWORD|password|secret)[^\s/@'"`${}]{6,}@/
}

export interface Leak {
  readonly kind: string
  /** From 1. */
  readonly line: number
}

/** Kinds that tests make up. */
const madeUp: ReadonlySet<string> = new Set(['a password in a URL', 'a token of Vault', 'a signed JWT'])

/**
 * Secrets in a text; the text itself is never told.
 *
 * @param sample - the text is that of a test: what tests make up is none
 */
export const leaksIn = (text: string, sample = false): Leak[] =>
  Object.entries(kinds).flatMap(([kind, pattern]) => {
    if (sample && madeUp.has(kind)) return []
    const found = pattern.exec(text)
    return found ? [{ kind, line: text.slice(0, found.index).split('\n').length }] : []
  })
