import { PlanDocument } from '../../api/src/plan/schema/plan.ts'

/**
 * `plan.schema.json`: what an editor completes and checks a plan file by. Keywords with `x-` speak to Plimsoll's own
 * checker, which says more than a schema can; a strict validator would stumble over them.
 */
export async function planSchema(): Promise<string> {
  const schema = { $schema: 'https://json-schema.org/draft/2020-12/schema', ...PlanDocument }
  const plain = (key: string, value: unknown) => (key.startsWith('x-') ? undefined : value)
  return `${JSON.stringify(schema, plain, 2)}\n`
}
