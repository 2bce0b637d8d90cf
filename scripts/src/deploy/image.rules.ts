import { wrongUsage } from '../cli/failure.ts'

/** An image named by what it contains. */
export interface Image {
  /** `registry/name@sha256:…`, as it is given to Nomad. */
  readonly text: string
  /** First 12 hex digits of the digest: what the release is called unless it is given a name. */
  readonly release: string
}

const pinned = /^[a-z0-9][A-Za-z0-9._:/-]*@sha256:([0-9a-f]{64})$/

/**
 * An image by digest. A tag alone is refused: it may name another image by the time a node pulls it,
 * and then a rollback goes nowhere.
 *
 * @throws Failure (wrong usage) saying what would have worked
 */
export function readImage(text: string): Image {
  const digest = pinned.exec(text)?.[1]
  if (digest !== undefined) return { text, release: digest.slice(0, 12) }
  throw text.includes('@sha256:')
    ? wrongUsage(`${text} is no image by digest`, 'registry/name@sha256: and 64 small hex digits')
    : wrongUsage(
        `${text} has no digest: a tag may name another image tomorrow`,
        'skopeo inspect --format "{{.Digest}}" docker://IMAGE shows it; then registry/name@sha256:…'
      )
}
