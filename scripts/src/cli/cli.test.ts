import t from 'tap'
import { ApiError } from '../../../api/src/contract/client.ts'
import { commands } from '../commands.ts'
import { globalOptions, titleOf } from './command.ts'
import { asFailure, Failure } from './failure.ts'
import { bytes, count, milliseconds, percent, perSecond, times, wait } from './format.rules.ts'
import { helpText } from './help.rules.ts'
import { parse } from './parse.rules.ts'
import { etaS, progressLine, ratePerS } from './progress.rules.ts'
import { columns, table } from './table.rules.ts'
import { exitOf } from './verdict.rules.ts'

t.test('a command line is understood wherever its options stand', async (t) => {
  const cases = [
    { name: 'noun alone', args: ['status'], title: 'status', operands: [] },
    { name: 'noun and operand', args: ['status', 'shop-api'], title: 'status', operands: ['shop-api'] },
    { name: 'option first', args: ['--json', 'plan', 'show'], title: 'plan show', operands: [] },
    {
      name: 'value of an option is no word',
      args: ['--url', 'http://x', 'plan', 'show'],
      title: 'plan show',
      operands: []
    },
    { name: 'inline value', args: ['plan', 'export', '--format=openslo'], title: 'plan export', operands: [] },
    {
      name: 'many operands around an option',
      args: ['import', 'a.gz', '--service', 's', 'b.gz'],
      title: 'import',
      operands: ['a.gz', 'b.gz']
    },
    { name: 'standard input', args: ['plan', 'diff', '-'], title: 'plan diff', operands: ['-'] },
    {
      name: 'after -- everything is an operand',
      args: ['import', '--service', 's', '--', '--odd-name'],
      title: 'import',
      operands: ['--odd-name']
    }
  ]
  for (const { name, args, title, operands } of cases) {
    const asked = parse(args, commands)
    t.match(asked, { kind: 'run', operands }, name)
    t.equal(asked.command && titleOf(asked.command), title, name)
  }
})

t.test('wrong usage names the mistake and the nearest right word', async (t) => {
  const cases = [
    { args: ['statsu'], says: 'there is no statsu', hint: 'plimsoll status' },
    { args: ['xyzzy'], says: 'there is no xyzzy', hint: 'plimsoll --help' },
    { args: ['plan'], says: 'plan needs a verb', hint: 'plimsoll plan --help' },
    { args: ['plan', 'aply'], says: 'plan cannot aply', hint: 'plimsoll plan apply' },
    { args: ['status', '--jsno'], says: 'no option --jsno', hint: '--json' },
    { args: ['status', '--service', 'x'], says: 'no option --service', hint: 'plimsoll status --help' },
    { args: ['status', '--json=yes'], says: '--json takes no value', hint: '--json alone' },
    { args: ['status', '--url'], says: '--url needs a value', hint: '--url URL' },
    { args: ['status', '--url='], says: '--url needs a value', hint: '--url URL' },
    { args: ['status', 'a', 'b'], says: 'does not know what to do with b', hint: 'plimsoll status --help' },
    { args: ['plan', 'apply'], says: 'plan apply needs FILE', hint: 'plimsoll plan apply --help' },
    { args: ['import', 'x'], says: 'import needs --service NAME', hint: 'plimsoll import --help' },
    { args: ['status', '--constructor'], says: 'no option --constructor', hint: 'plimsoll status --help' }
  ]
  for (const { args, says, hint } of cases) {
    const line = args.join(' ')
    try {
      parse(args, commands)
      t.fail(`${line} was understood`)
    } catch (error) {
      t.match(error, { exit: 64, code: 'PLIMSOLL_USAGE' }, line)
      t.match((error as Failure).message, says, line)
      t.match((error as Failure).hint, hint, line)
    }
  }
})

t.test('help is there for everything, each noun and each command', async (t) => {
  for (const args of [[], ['--help'], ['-h'], ['help']]) {
    t.match(parse(args, commands), { kind: 'help', noun: null, command: null }, args.join(' ') || 'nothing')
  }
  t.match(parse(['plan', '--help'], commands), { kind: 'help', noun: 'plan', command: null })
  t.match(parse(['help', 'plan', 'show'], commands), { kind: 'help', noun: 'plan' })
  for (const command of commands) {
    const title = titleOf(command)
    const asked = parse([...title.split(' '), '--help'], commands)
    t.equal(asked.command, command, title)
    const text = helpText(commands, command.noun, command)
    t.match(text, `Usage: plimsoll ${title}`, title)
    for (const option of [...Object.keys(command.options), 'help', 'json', 'url', 'token']) t.match(text, `--${option}`)
    t.ok(
      ['0', '2', '64'].every((code) => text.includes(`\n  ${code} `)),
      `${title} explains its exit codes`
    )
    t.ok(command.examples.length > 0 && command.examples.every((e) => text.includes(e)), `${title} has examples`)
    t.match(helpText(commands, null, null), title, `${title} is in the overview`)
  }
})

t.test('the table of commands is coherent', async (t) => {
  const titles = commands.map(titleOf)
  t.equal(new Set(titles).size, titles.length, 'each command once')
  for (const command of commands) {
    const alone = commands.filter((c) => c.noun === command.noun).length === 1
    if (command.verb === null) t.ok(alone, `${command.noun} has no verbs beside`)
    for (const [name, option] of Object.entries(command.options)) {
      t.notOk(name in globalOptions, `${titleOf(command)} --${name} does not hide a global option`)
      const types = commands.flatMap((c) => c.options[name]?.type ?? [])
      t.same(new Set(types), new Set([option.type]), `--${name} is of one type everywhere`)
    }
    const optionalFrom = (command.operands ?? []).findIndex((o) => o.optional ?? o.many)
    t.ok(optionalFrom === -1 || optionalFrom === (command.operands?.length ?? 0) - 1, 'only the last operand may vary')
  }
})

t.test('errors become a code, a sentence and a hint', async (t) => {
  const url = 'http://127.0.0.1:1'
  const refused = Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNREFUSED' } })
  t.match(asFailure(refused, url), { code: 'PLIMSOLL_UNREACHABLE', exit: 2, message: /:1 \(ECONNREFUSED\)/ })
  const problem = {
    type: 'about:blank',
    title: 'Busy',
    status: 503,
    code: 'PLIMSOLL_X',
    detail: 'later',
    requestId: 'r'
  }
  t.match(asFailure(new ApiError(503, problem, ''), url), { code: 'PLIMSOLL_X', exit: 2, hint: /try again/ })
  t.match(asFailure(new ApiError(403, { ...problem, hint: 'ask' }, ''), url), { hint: 'ask' }, 'its own hint wins')
  t.match(asFailure(new ApiError(401, null, '401 Unauthorized'), url), { code: 'HTTP_401', hint: /PLIMSOLL_TOKEN/ })
  t.match(asFailure(Object.assign(new Error('ENOENT: no such file, open x'), { code: 'ENOENT' }), url), {
    code: 'PLIMSOLL_NO_FILE',
    message: 'no such file, open x'
  })
  t.match(asFailure(new Error('odd'), url), { code: 'PLIMSOLL_UNEXPECTED', message: 'odd', exit: 2 })
  t.match(asFailure(Object.assign(new Error('bad'), { code: 'PLIMSOLL_Y', hint: 'so' }), url), {
    code: 'PLIMSOLL_Y',
    hint: 'so'
  })
  const own = new Failure('PLIMSOLL_Z', 'no', { exit: 1 })
  t.equal(asFailure(own, url), own)
})

t.test('states give the exit code', async (t) => {
  t.equal(exitOf(['pass', 'warn']), 0)
  t.equal(exitOf(['pass', 'fail', 'could_not_measure']), 1, 'a broken promise outweighs an unknown one')
  t.equal(exitOf(['pass', 'not_enough_evidence']), 2)
  t.equal(exitOf([]), 2, 'nothing measured is no success')
})

t.test('numbers are said with their unit', async (t) => {
  t.equal(percent(0.9991), '99.91 %')
  t.equal(percent(0.99999), '99.99 %', 'never rounded up to a full 100 %')
  t.equal(percent(0.29, 0), '29 %', 'a share that binary fractions put just below')
  t.equal(percent(-0.5, 1), '-50 %')
  t.equal(percent(null), '–')
  t.equal(perSecond(12.345), '12.3/s')
  t.equal(times(14.4), '14.4×')
  t.equal(milliseconds(183.4), '183 ms')
  t.equal(milliseconds(1_900), '1.9 s')
  t.equal(bytes(999), '999 B')
  t.equal(bytes(1_500_000), '1.5 MB')
  t.equal(bytes(0), '0 B')
  t.equal(count(1_234_567), '1,234,567')
  t.equal(count(undefined), '–')
  t.equal(wait(59.2), '1 min 0 s')
  t.equal(wait(4), '4 s')
  t.equal(wait(3_700), '1 h 1 min')
})

t.test('columns line up, colours take no room, and nothing trails', async (t) => {
  t.same(
    columns(
      [
        ['a', '1'],
        ['bbb', '22']
      ],
      [false, true]
    ),
    ['a     1', 'bbb  22']
  )
  t.same(
    columns([
      ['\u001B[31mab\u001B[39m', 'x'],
      ['abcd', 'y']
    ]),
    ['\u001B[31mab\u001B[39m    x', 'abcd  y']
  )
  t.same(
    columns([
      ['a', ''],
      ['b', 'c']
    ]),
    ['a', 'b  c']
  )
  t.same(table([], [{ title: 'X', cell: String }]), [])
  t.same(table([1, 20], [{ title: 'N', right: true, cell: String }]), [' N', ' 1', '20'])
})

t.test('progress tells the rate and the time left once they are known', async (t) => {
  t.equal(ratePerS({ doneBytes: 0, sizeBytes: 10, elapsedMs: 5 }), null)
  const half = { doneBytes: 50_000_000, sizeBytes: 100_000_000, elapsedMs: 1_000 }
  t.equal(ratePerS(half), 50_000_000)
  t.equal(etaS(half), 1)
  t.equal(etaS({ ...half, sizeBytes: null }), null)
  t.equal(progressLine('a.log', half, 4), 'a.log  [##--]  50 %  50 MB of 100 MB  50 MB/s  1 s left')
  t.equal(progressLine('-', { ...half, sizeBytes: null }), '-  50 MB  50 MB/s')
  t.match(progressLine('grown', { ...half, doneBytes: 120_000_000 }, 4), '[####]  100 %', 'a file that grew meanwhile')
  t.match(progressLine('empty', { doneBytes: 0, sizeBytes: 0, elapsedMs: 0 }, 4), '[----]  0 %')
})
