import { randomBytes } from 'node:crypto'
import type { VaultAdmin } from '../../../api/src/platform/vault/admin.ts'
import { differingKeys } from './difference.rules.ts'
import type { Wish } from './wishes.rules.ts'

export interface Step {
  readonly what: string
  readonly path: string
  /** `there`: nothing to do; `refused`: something else is there. */
  readonly state: 'there' | 'missing' | 'different' | 'refused'
  /** Names of what differs, or why it is refused. */
  readonly detail: string
  readonly done: boolean
}

/**
 * Looks at each wish and, when told to, makes it so. Running it again changes nothing; one that is
 * refused ends it, since what comes after stands on it.
 */
export async function setUp(
  admin: VaultAdmin,
  wishes: readonly Wish[],
  { apply }: { apply: boolean }
): Promise<Step[]> {
  const steps: Step[] = []
  for (const wish of wishes) {
    const step = await look(admin, wish)
    const isDue = apply && (step.state === 'missing' || step.state === 'different')
    if (isDue) await admin.write(wish.path, wish.body, wish.method)
    steps.push({ ...step, done: isDue })
    if (step.state === 'refused') break
  }
  return steps
}

const look = async (admin: VaultAdmin, wish: Wish): Promise<Omit<Step, 'done'>> => {
  const { what, path, body, readPath = path, seenAt = (found) => found, compared, refuses = () => null } = wish
  const answer = await admin.read(readPath)
  const found = answer === null ? null : seenAt(answer)
  if (found === null) return { what, path, state: 'missing', detail: '' }
  const refusal = refuses(found)
  if (refusal !== null) return { what, path, state: 'refused', detail: refusal }
  const wanted = compared ? Object.fromEntries(compared.map((key) => [key, body[key]])) : body
  const keys = differingKeys(found, wanted)
  return { what, path, state: keys.length === 0 ? 'there' : 'different', detail: keys.join(', ') }
}

/** The secret of the API with fresh random values, when there is none: what is there is never touched. */
export async function makeFirstSecret(admin: VaultAdmin, path: string, { apply }: { apply: boolean }): Promise<Step> {
  const step = { what: 'secret of the API', path, detail: firstNames.join(', ') }
  if ((await admin.read(path)) !== null) return { ...step, state: 'there', detail: '', done: false }
  if (apply) await admin.write(path, { data: Object.fromEntries(firstNames.map((name) => [name, random()])) })
  return { ...step, state: 'missing', done: apply }
}

const firstNames = ['API_TOKEN', 'CLASS_KEY', 'WEBHOOK_SECRET']

/** 256 bits. */
const random = (): string => randomBytes(32).toString('base64url')
