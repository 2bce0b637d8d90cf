// Writes what an image is made of as CycloneDX JSON, always the same for the same lock.
// Usage: node scripts/image/sbom.ts [OPTION OF npm sbom]…
import { execFileSync } from 'node:child_process'

interface Sbom {
  serialNumber?: string
  metadata: { timestamp?: string }
}

const args = ['sbom', '--sbom-format=cyclonedx', '--package-lock-only', ...process.argv.slice(2)]
const text = execFileSync('npm', args, { encoding: 'utf8', maxBuffer: 64 * 1_048_576 })
const { serialNumber: _number, metadata, ...sbom } = JSON.parse(text) as Sbom
const { timestamp: _time, ...steady } = metadata
process.stdout.write(`${JSON.stringify({ ...sbom, metadata: steady }, null, 2)}\n`)
