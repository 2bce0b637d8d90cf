// The images as they are built, started as they are meant to run: as nobody, on a root file system that cannot be written.
// Runs where buildah is and `scripts/image/base.sh` has made stand-ins for the base images; a registry is not asked.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { ask } from './support/asking.ts'
import { eventually, freePorts, programPath, startProgram } from './support/programs.ts'

const checkout = resolve(import.meta.dirname, '../..')
const store = join(checkout, '.make/images')
const missing = (): string | false => {
  if (programPath('buildah') === null) return 'no buildah here'
  if (process.getuid?.() !== 0) return 'only root mounts an image'
  return existsSync(join(store, 'policy.json')) ? false : 'no base images here: scripts/image/base.sh makes stand-ins'
}
const skip = missing()
const { version } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { version: string }

t.setTimeout(300_000)

const buildah = (...args: string[]): string => {
  const options = ['--root', join(store, 'root'), '--runroot', join(store, 'run'), '--storage-driver', 'overlay']
  const { status, stdout, stderr } = spawnSync('buildah', [...options, ...args], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`buildah ${args.join(' ')}: ${stderr}`)
  return stdout.trim()
}

const build = (name: string): void => {
  const { status, stdout, stderr } = spawnSync('bash', ['scripts/image/build.sh', name], {
    cwd: checkout,
    encoding: 'utf8',
    env: {
      ...process.env,
      PLIMSOLL_IMAGE_STORE: store,
      BUILDAH_OPTIONS: `--pull-never --signature-policy ${join(store, 'policy.json')}`,
      NODE_IMAGE: 'localhost/plimsoll-base-node',
      RUNTIME_IMAGE: 'localhost/plimsoll-base-runtime',
      CADDY_IMAGE: 'localhost/plimsoll-base-caddy'
    }
  })
  if (status !== 0) throw new Error(`${stdout.slice(-2_000)}${stderr.slice(-2_000)}`)
}

interface ImageConfig {
  readonly User: string
  readonly Env: string[]
  readonly Entrypoint: string[]
  readonly Cmd: string[]
  readonly Labels: Record<string, string>
  readonly Healthcheck?: { readonly Test: string[] }
}

const configOf = (name: string): ImageConfig =>
  (
    JSON.parse(buildah('inspect', '--type', 'image', `localhost/plimsoll-${name}:${version}`)) as {
      Docker: { config: ImageConfig }
    }
  ).Docker.config

/** Mounts an image; gives what runs a program in it as its user, with its environment, on a read-only root. */
const mountImage = (t: Test, name: string, dir: string) => {
  const container = buildah('from', '--pull-never', `localhost/plimsoll-${name}:${version}`)
  t.teardown(() => buildah('rm', container))
  const root = buildah('mount', container)
  const { Env, User } = configOf(name)
  const script = join(dir, 'enter.sh')
  // in a mount namespace of its own: nothing of it is left when the program ends
  writeFileSync(
    script,
    `set -eu
root=$1; shift
mount --bind "$root" "$root"
mkdir -p "$root/data" "$root/tmp" "$root/proc"
mount -t tmpfs -o size=64m,mode=0755,uid=65532,gid=65532 tmpfs "$root/data"
mount -t tmpfs -o size=64m,mode=1777 tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
mount -o remount,ro,bind "$root"
unset NODE_OPTIONS # the test runner's, for a module that is not in the image
exec chroot --userspec=${User} "$root" "$@"
`
  )
  const command = (program: readonly string[]): string[] => ['-m', 'sh', script, root, ...program]
  const environment = Object.fromEntries(Env.map((line) => [line.split('=', 1)[0]!, line.slice(line.indexOf('=') + 1)]))
  return {
    start: (program: readonly string[], env: Record<string, string>) =>
      startProgram('unshare', command(program), { ...environment, ...env }),
    run: (program: readonly string[], env: Record<string, string> = {}) =>
      spawnSync('unshare', command(program), { encoding: 'utf8', env: { ...environment, ...env } })
  }
}

t.test('the images', { skip }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plimsoll-images-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))

  await t.test('the API is built, starts as nobody and serves', async (t) => {
    build('api')
    const { User, Entrypoint, Cmd, Labels, Healthcheck } = configOf('api')
    t.equal(User, '65532:65532')
    t.match(Labels, {
      'org.opencontainers.image.version': version,
      'org.opencontainers.image.revision': /^[0-9a-f]{40}$/
    })
    const image = mountImage(t, 'api', dir)
    const [port] = (await freePorts(1)) as [number]
    const env = { PORT: String(port), HOST: '127.0.0.1' }
    const program = image.start([...Entrypoint, ...Cmd], env)
    t.teardown(() => program.stop('SIGKILL'))
    const health = await eventually('it serves', async () => {
      const answer = await ask({ host: '127.0.0.1', port }, '/healthz')
      return answer.status === 200 ? answer : null
    }).catch((error: unknown) => {
      throw new Error(program.output(), { cause: error })
    })
    t.match(health.body, '"status":"ok"')
    t.match((await ask({ host: '127.0.0.1', port }, '/')).body, /^<!doctype html>/i, 'the page too')

    const [kind, ...check] = Healthcheck?.Test ?? []
    t.equal(kind, 'CMD', 'without a shell')
    t.equal(image.run(check, env).status, 0, 'the health check passes')
    t.equal(image.run(check, { ...env, PORT: '9' }).status, 1, 'and fails where nobody answers')
    const status = image.run([...Entrypoint, '/app/scripts/src/main.ts', 'services', 'list', '--json'], {
      PLIMSOLL_URL: `http://127.0.0.1:${port}`
    })
    t.match(status.stdout, '"plimsoll"', 'the commands are in it')
    const write = image.run([...Entrypoint, '-e', 'require("fs").writeFileSync("/app/x", "")'])
    t.match(write.stderr, /EROFS/, 'nothing can be written into it')
    const list =
      '[process.getuid(), ...require("fs").readdirSync("/app"), JSON.parse(require("fs").readFileSync("/app/sbom.cdx.json")).bomFormat]'
    t.match(image.run([...Entrypoint, '-p', list]).stdout, /65532[^]*CycloneDX/)
    await program.stop('SIGTERM')
    t.equal(program.child.exitCode, 0, 'and ends cleanly')
  })

  await t.test('the edge is built, and takes its configuration', async (t) => {
    build('edge')
    const { User, Entrypoint } = configOf('edge')
    t.equal(User, '65532:65532')
    const image = mountImage(t, 'edge', dir)
    const check = image.run([...Entrypoint, 'validate', '--config', '/etc/caddy/Caddyfile', '--adapter', 'caddyfile'], {
      EDGE_LOG: '/tmp/access.ndjson'
    })
    t.match(check.stdout + check.stderr, 'Valid configuration')
    const [https, http, inside] = (await freePorts(3)) as [number, number, number]
    const program = image.start([...Entrypoint, 'run', '--config', '/etc/caddy/Caddyfile', '--adapter', 'caddyfile'], {
      EDGE_LOG: '/tmp/access.ndjson',
      EDGE_BIND: '127.0.0.1',
      EDGE_HTTP_PORT: String(http),
      EDGE_HTTPS_PORT: String(https),
      EDGE_INSIDE_PORT: String(inside)
    })
    t.teardown(() => program.stop('SIGKILL'))
    const page = await eventually('the page is served', async () => {
      const answer = await ask({ host: '127.0.0.1', port: https, tls: true }, '/')
      return answer.status === 200 ? answer : null
    }).catch((error: unknown) => {
      throw new Error(program.output(), { cause: error })
    })
    t.match(page.body, /^<!doctype html>/i)
    t.match(page.headers['content-security-policy'], /script-src 'self' 'sha256-/)
  })
})
