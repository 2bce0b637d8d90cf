import { getHeapStatistics } from 'node:v8'
import { Type } from 'typebox'
import { text, wholeNumber } from './setting.ts'
import { accessSettings } from './access/settings-schema.ts'
import { integrationSettings } from './integrations-settings.ts'
import { nomadSettings } from './nomad/settings-schema.ts'
import { vaultSettings } from './vault/settings-schema.ts'

/** Every setting, its unit, its limits and what it is without being set. Names are environment variables. */
export const SettingsSchema = Type.Object({
  HOST: text('address to listen on; 127.0.0.1 is this machine alone', { default: '127.0.0.1' }),
  PORT: wholeNumber('TCP port', 'port to listen on; 0 takes any free one', {
    default: 3000,
    minimum: 0,
    maximum: 65_535
  }),
  DATA_DIR: text('directory of the store, the class key and the instance id', { default: './data' }),
  PLAN_FILE: text('the plan that is applied at start and whenever it changes', { default: './plan.yaml' }),
  COMMAND_ALLOW: text(
    'commands that acceptance checks of the plan may run, exactly as written, separated by ;, arguments by spaces',
    { allowed: 'empty, or commands separated by ;, for example make verify;npm audit --omit=dev' }
  ),
  DATABASE_URL: text('sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE; empty: SQLite below DATA_DIR', {
    pattern: '^($|sqlite:.+|postgres(ql)?://.+)',
    allowed: 'empty, sqlite:PATH or postgres://…',
    secret: true
  }),
  DATABASE_CONNECTIONS: wholeNumber('connections', 'most connections to PostgreSQL of one instance, and one more', {
    default: 10,
    minimum: 2,
    maximum: 500
  }),
  DATABASE_STATEMENT_TIMEOUT_MS: wholeNumber('ms', 'how long PostgreSQL may work on one statement', {
    default: 30_000,
    minimum: 500,
    maximum: 600_000
  }),
  DATABASE_CONNECT_TIMEOUT_MS: wholeNumber('ms', 'how long a connection to PostgreSQL may be waited for', {
    default: 5_000,
    minimum: 100,
    maximum: 60_000
  }),
  LEASE_DURATION_MS: wholeNumber(
    'ms',
    'of instances on one PostgreSQL one leads (alerts, probes, retention); when it is silent for this long, another does',
    { default: 15_000, minimum: 500, maximum: 300_000 }
  ),
  WEB_ROOT: text('directory of the built page; empty: web/build of this checkout'),

  RELEASE: text('name of this release in X-Release and in its own counts; empty: the version', {
    pattern: '^([A-Za-z0-9][A-Za-z0-9._-]{0,62})?$',
    allowed: 'empty, or at most 63 letters, digits, dots, dashes and underscores'
  }),
  ALLOC_ID: text('name of this instance in X-Alloc-Id, as Nomad calls its allocation; empty: none is sent', {
    pattern: '^[A-Za-z0-9-]{0,64}$',
    allowed: 'empty, or at most 64 letters, digits and dashes'
  }),

  LOG_LEVEL: Type.Union(
    (['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const).map((level) => Type.Literal(level)),
    { default: 'info', description: 'least level that is logged' }
  ),
  LOG_FORMAT: Type.Union([Type.Literal('auto'), Type.Literal('json'), Type.Literal('pretty')], {
    default: 'auto',
    description: 'auto: readable on a terminal, JSON elsewhere'
  }),

  API_TOKEN: text('token for callers from elsewhere: Authorization: Bearer …; empty: only this machine is served', {
    pattern: '^(|\\S{16,})$',
    allowed: 'empty, or at least 16 characters without spaces',
    secret: true
  }),
  LOOPBACK_OPEN: Type.Boolean({
    default: true,
    description: 'callers on this machine need no token; set false when a proxy on this machine serves others',
    allowed: 'true, or false together with API_TOKEN'
  }),
  TRUST_PROXY: text('addresses or networks of proxies whose X-Forwarded-For is believed, separated by commas', {
    pattern: '^($|[0-9a-fA-F.:/]+(\\s*,\\s*[0-9a-fA-F.:/]+)*$)',
    allowed: 'empty, or IP addresses and CIDR networks separated by commas, for example 127.0.0.1,10.0.0.0/8'
  }),
  CLASS_KEY: text('key that signs X-Plimsoll-Class; empty: a random one kept in DATA_DIR/class.key', {
    pattern: '^(|.{16,})$',
    allowed: 'empty, or at least 16 characters',
    secret: true
  }),

  FLUSH_INTERVAL_MS: wholeNumber('ms', 'how often each source writes what it has counted', {
    default: 1_000,
    minimum: 50,
    maximum: 60_000
  }),
  RETAIN_10S_HOURS: wholeNumber('hours', 'how long counts per 10 s are kept', {
    default: 12,
    minimum: 2,
    maximum: 240
  }),
  RETAIN_1M_DAYS: wholeNumber(
    'days',
    'how long counts per minute are kept; the longest window of an objective and a margin',
    {
      default: 35,
      minimum: 2,
      maximum: 400
    }
  ),
  RETAIN_1H_DAYS: wholeNumber('days', 'how long counts per hour are kept', {
    default: 400,
    minimum: 2,
    maximum: 4_000
  }),
  RETAIN_PROBES_DAYS: wholeNumber('days', 'how long single probe results are kept', {
    default: 35,
    minimum: 1,
    maximum: 400
  }),
  RETAIN_IDEMPOTENCY_HOURS: wholeNumber('hours', 'how long idempotency keys of pushes are remembered', {
    default: 48,
    minimum: 1,
    maximum: 720
  }),
  RETAIN_HISTORY_DAYS: wholeNumber('days', 'how long resolved alerts, deliveries and evidence of checks are kept', {
    default: 400,
    minimum: 7,
    maximum: 4_000
  }),

  WEBHOOK_URLS: text('receivers of alerts, http(s) URLs separated by spaces or commas', {
    pattern: '^\\s*$|^\\s*https?://\\S+(\\s+https?://\\S+)*\\s*$',
    allowed: 'empty, or http(s) URLs separated by spaces',
    secret: true
  }),
  WEBHOOK_SECRET: text(
    'signs webhooks: X-Plimsoll-Signature is v1= and the hex HMAC-SHA256 of <X-Plimsoll-Timestamp>.<body>; empty: unsigned',
    {
      pattern: '^(|.{16,})$',
      allowed: 'empty, or at least 16 characters',
      secret: true
    }
  ),
  WEBHOOK_TIMEOUT_MS: wholeNumber('ms', 'how long one webhook may take', {
    default: 10_000,
    minimum: 100,
    maximum: 60_000
  }),

  BODY_LIMIT_BYTES: wholeNumber('bytes', 'largest JSON or YAML body', {
    default: 1_048_576,
    minimum: 1_024,
    maximum: 104_857_600
  }),
  RATE_LIMIT_WRITES: wholeNumber('writes per minute', 'most writes of one caller; 0 sets no limit', {
    default: 1_200,
    minimum: 0,
    maximum: 1_000_000
  }),
  LIVE_CLIENTS: wholeNumber('clients', 'most simultaneous readers of /api/v1/live', {
    default: 500,
    minimum: 1,
    maximum: 50_000
  }),

  PRESSURE_EVENT_LOOP_DELAY_MS: wholeNumber(
    'ms',
    'mean delay of the event loop above which requests are shed; 0: never',
    {
      default: 60,
      minimum: 0,
      maximum: 10_000
    }
  ),
  PRESSURE_EVENT_LOOP_UTILISATION_PERCENT: wholeNumber(
    'percent',
    'share of time the event loop is busy above which requests are shed; 0: not looked at, a busy loop alone is no harm',
    { default: 0, minimum: 0, maximum: 100 }
  ),
  PRESSURE_HEAP_MB: wholeNumber('MiB', 'JavaScript heap in use above which requests are shed; 0: never', {
    default: Math.floor((getHeapStatistics().heap_size_limit / 1_048_576) * 0.85),
    minimum: 0,
    maximum: 1_048_576
  }),

  ...accessSettings,

  ...integrationSettings,
  ...vaultSettings,

  ...nomadSettings,

  SHUTDOWN_TIMEOUT_MS: wholeNumber('ms', 'how long requests may take to finish after Ctrl-C or SIGTERM', {
    default: 15_000,
    minimum: 100,
    maximum: 600_000
  }),
  BACKUP_DIR: text('directory of backups; empty: DATA_DIR/backups'),
  BACKUP_KEEP: wholeNumber('files', 'how many backups are kept', { default: 14, minimum: 1, maximum: 10_000 })
})
