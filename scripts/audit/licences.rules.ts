/** Licences under which everything here may be used, changed and given on; weak copyleft (MPL) stays in its own files. */
const allowed: ReadonlySet<string> = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC-BY-3.0',
  'CC-BY-4.0',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'MPL-2.0',
  'OFL-1.1',
  'Python-2.0',
  'Unlicense',
  'W3C-20150513',
  'WTFPL',
  'Zlib'
])

/**
 * Whether an SPDX expression gives us a licence we take: one of those joined by OR, all of those joined by AND.
 *
 * @see https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/
 */
export const isAllowed = (expression: string): boolean =>
  expression
    .replaceAll(/[()]/g, '')
    .split(' OR ')
    .some((choice) => choice.split(' AND ').every((one) => allowed.has(one.trim())))

export interface LockedPackage {
  /** An expression; old packages name objects or lists of them. */
  readonly license?: unknown
  /** A workspace of ours. */
  readonly link?: boolean
}

/** What `license` or `licenses` of a package.json says, as an expression; null: nothing that can be read. */
export const licenceText = (license: unknown): string | null => {
  if (typeof license === 'string') return license
  const types = [license].flat().map((one) => (one as { type?: unknown } | null | undefined)?.type ?? one)
  return types.length > 0 && types.every((type) => typeof type === 'string') ? types.join(' OR ') : null
}

/** Packages of a lock file whose licence we do not take, or that name none; `licenceOf` looks where the lock is silent. */
export const refusedLicences = (
  packages: Readonly<Record<string, LockedPackage>>,
  licenceOf: (path: string) => string | null
): { path: string; licence: string }[] =>
  Object.entries(packages)
    .filter(([path, { link }]) => path.includes('node_modules/') && !link)
    .map(([path, { license }]) => ({ path, licence: licenceText(license) ?? licenceOf(path) ?? 'none named' }))
    .filter(({ licence }) => !isAllowed(licence))
