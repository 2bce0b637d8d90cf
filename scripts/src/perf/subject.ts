import type { LoadSubject } from '../../../api/src/load/run/load.ts'
import type { Context, OptionValues } from '../cli/command.ts'
import { subjectOf, type loadOptions } from '../cli/load-options.ts'
import { pageMix, type ServerUnderTest } from './plimsoll-server.ts'

type Given = OptionValues<typeof loadOptions>

/** The load test of a Plimsoll that was started for it: what a page asks for, unless a mix is given. */
export async function subjectOfServer(
  server: ServerUnderTest,
  directory: string,
  given: Given,
  context: Context
): Promise<LoadSubject> {
  const env = { ...context.env, CLASS_KEY: server.classKey }
  const subject = await subjectOf(`${server.origin}/`, given, { output: context.output, env })
  const requests =
    given.requests === undefined ? pageMix.map((path) => ({ ...subject.requests[0]!, path })) : subject.requests
  const authorization = `Bearer ${server.token}`
  return {
    ...subject,
    directory,
    requests: requests.map((request) => ({ ...request, headers: { authorization, ...request.headers } }))
  }
}
