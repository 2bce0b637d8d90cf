/** What is never written, by the name it goes by: the one list. Compared without case, dash and underscore. */
const secretNames: ReadonlySet<string> = new Set([
  'authorization',
  'proxyauthorization',
  'cookie',
  'setcookie',
  'token',
  'apitoken',
  'accesstoken',
  'xvaulttoken',
  'vaulttoken',
  'clienttoken',
  'secretid',
  'password',
  'secret',
  'webhooksecret',
  'webhookurls',
  'classkey',
  'databaseurl',
  'connectionstring'
])

/** Parts of errors of HTTP clients that hold whole requests with their headers. */
const partsOfErrors: ReadonlySet<string> = new Set(['config', 'request', 'response'])

const hidden = '[hidden]'

/** Deeper than this nothing of ours is nested; what is, is not written. */
const maxDepth = 6

const answers = new Map<string, boolean>()

/** Whether something of this name is a secret. Names are few, so the answers are kept (up to a bound). */
const isSecret = (name: string): boolean => {
  let answer = answers.get(name)
  if (answer === undefined) {
    const plain = name.toLowerCase().replaceAll(/[-_]/g, '')
    answer = secretNames.has(plain) || plain.startsWith('plansecret')
    if (answers.size < 1_000) answers.set(name, answer)
  }
  return answer
}

/**
 * What is logged, without its secrets, however deep they lie. The very same object when there are
 * none, which costs a look at each name: far less than a list of paths that is tried on every line.
 *
 * @param value - anything that can be logged; it is not changed
 */
export function withoutSecrets<T>(value: T, depth = 0): T {
  if (typeof value !== 'object' || value === null) return value
  if (depth > maxDepth) return hidden as T
  let copy: Record<string, unknown> | null = null
  // for…in: a list of entries would cost more than all the looking
  for (const name in value) {
    const inner: unknown = value[name]
    const clean = isHidden(value, name) ? hidden : withoutSecrets(inner, depth + 1)
    if (clean === inner) continue
    copy ??= (Array.isArray(value) ? [...value] : copyOf(value)) as Record<string, unknown>
    copy[name] = clean
  }
  return (copy as T | null) ?? value
}

const isHidden = (owner: object, name: string): boolean =>
  isSecret(name) || (owner instanceof Error && partsOfErrors.has(name))

/** An error stays one; its stack is no property like others and is taken along by hand. */
const copyOf = (value: object): object => {
  const copy = Object.create(
    Object.getPrototypeOf(value) as object | null,
    Object.getOwnPropertyDescriptors(value)
  ) as object
  if (value instanceof Error) Object.defineProperty(copy, 'stack', { value: value.stack, enumerable: false })
  return copy
}
