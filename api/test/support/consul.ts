import { eventually, freePorts, programPath, startProgram } from './programs.ts'

export interface TestConsul {
  readonly origin: string
  /** Where it answers DNS, HOST:PORT. */
  readonly dns: string
  register(service: ConsulService): Promise<void>
  deregister(id: string): Promise<void>
  /** Ids of the instances that DNS names: passing or with a warning. */
  serving(name: string): Promise<string[]>
  stop(): Promise<void>
}

export interface ConsulService {
  readonly id: string
  readonly name: string
  readonly port: number
  /** Asked every second, twice in vain before it counts, as in the job; none: always passing. */
  readonly healthPath?: string
}

/** Why the tests with Consul do not run here; null when they do. */
export const consulMissing = (): string | null =>
  programPath('consul') ? null : 'no Consul here (on Debian as root: make deps)'

/** A Consul of this test's own, alone on 127.0.0.1 and in memory. */
export async function startConsul(): Promise<TestConsul> {
  const [http, dns, server, lan, wan] = (await freePorts(5)) as [number, number, number, number, number]
  const path = programPath('consul')
  if (path === null) throw new Error('ask consulMissing() first')
  const ports = { http, dns, server, 'serf-lan': lan, 'serf-wan': wan, grpc: -1 }
  const program = startProgram(path, [
    'agent',
    '-dev',
    '-bind=127.0.0.1',
    '-client=127.0.0.1',
    '-node=test',
    '-disable-host-node-id',
    '-log-level=warn',
    ...Object.entries(ports).map(([name, port]) => `-${name}-port=${port}`)
  ])
  const origin = `http://127.0.0.1:${http}`
  const put = async (route: string, body?: object): Promise<void> => {
    const reply = await fetch(`${origin}/v1/agent/service/${route}`, {
      method: 'PUT',
      ...(body && { body: JSON.stringify(body) })
    })
    if (!reply.ok) throw new Error(`${route}: ${reply.status} ${await reply.text()}`)
  }
  const read = async <T>(route: string): Promise<T> => (await fetch(`${origin}/v1/${route}`)).json() as Promise<T>
  await eventually('Consul leads', async () => (await read<string>('status/leader')).includes(':'))
  return {
    origin,
    dns: `127.0.0.1:${dns}`,
    register: ({ id, name, port, healthPath }) =>
      put('register?replace-existing-checks=true', {
        ID: id,
        Name: name,
        Address: '127.0.0.1',
        Port: port,
        ...(healthPath && {
          Check: {
            HTTP: `http://127.0.0.1:${port}${healthPath}`,
            Interval: '1s',
            Timeout: '1s',
            FailuresBeforeCritical: 2
          }
        })
      }),
    deregister: (id) => put(`deregister/${id}`),
    async serving(name) {
      type Entry = { Service: { ID: string }; Checks: { Status: string }[] }
      const entries = await read<Entry[]>(`health/service/${name}`)
      return entries
        .filter(({ Checks }) => Checks.every(({ Status }) => Status !== 'critical'))
        .map(({ Service }) => Service.ID)
    },
    stop: () => program.stop('SIGINT')
  }
}
