import { constants } from 'node:fs'
import { open, realpath, type FileHandle } from 'node:fs/promises'

/** Where files are no files: reading one may wait for ever, take what others should get, or tell of the machine. */
const special = /^\/(proc|sys|dev)(\/|$)/

export class PathForbidden extends Error {
  readonly code = 'PATH_FORBIDDEN'
}

/**
 * Opens a file that a plan names for reading: none of the kernel's own, by whatever links the path
 * leads there, and never waiting for the other end of a pipe.
 *
 * @throws PathForbidden; the error of the file system
 */
export async function openNamedFile(path: string): Promise<FileHandle> {
  const target = await realpath(path)
  if (special.test(target)) throw new PathForbidden(`${target} is a file of the kernel`)
  return open(target, constants.O_RDONLY | constants.O_NONBLOCK)
}
