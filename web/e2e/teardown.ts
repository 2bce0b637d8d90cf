import { rm } from 'node:fs/promises'

/** Removes the server's data once every test is done. */
export default async function teardown(): Promise<void> {
  const dataDir = process.env['E2E_DATA_DIR']
  if (dataDir) await rm(dataDir, { recursive: true, force: true })
}
