import { describeSetting, settingNames } from '../../api/src/platform/settings.ts'

/** Settings whose default is computed from the machine: a number here would be one machine's. */
const computed: ReadonlySet<string> = new Set(['PRESSURE_HEAP_MB'])

const head = `# Every setting of Plimsoll. Copy to .env and uncomment what should differ; the environment wins over .env.
# Written by \`make env\` from api/src/platform/settings.ts, checked by \`make types\`.
`

/** `.env.example`: each setting with its meaning, unit, what is allowed, and its default commented out. */
export async function envExample(): Promise<string> {
  const entries = settingNames.map((name) => {
    const { description, allowed, default: standard, secret } = describeSetting(name)
    const notes = [`allowed: ${allowed}`, ...(secret ? ['secret'] : [])].join('; ')
    const shown = computed.has(name) ? '  # follows from the memory of the machine' : standard
    return `# ${description}\n# ${notes}\n#${name}=${shown}\n`
  })
  return [head, ...entries].join('\n')
}
