import { searchDefaults, type SearchOptions } from '../../../api/src/load/line/search.rules.ts'
import { command, type OptionValues } from '../cli/command.ts'
import { lineLines, lineProgress } from '../cli/load-lines.rules.ts'
import { duration, loadOperands, loadOptions, number, readTarget, subjectOf } from '../cli/load-options.ts'
import { tellJudged } from '../cli/tell-judged.ts'
import { pushOptions, pushResults, pushTo } from '../push/push.ts'

const options = {
  start: { type: 'string', value: 'R', description: 'first rate, requests per second (20)' },
  'max-rate': { type: 'string', value: 'R', description: 'never more than this (100000)' },
  budget: { type: 'string', value: 'TIME', description: 'load until the estimate stands (110s); the hold comes after' },
  hold: { type: 'string', value: 'TIME', description: 'how long the line has to hold at the end (30s)' },
  ...loadOptions,
  ...pushOptions
} as const

export const loadLine = command({
  noun: 'load',
  verb: 'line',
  summary: 'find the most requests per second at which the promise holds; takes two to four minutes',
  operands: loadOperands,
  options,
  examples: [
    'plimsoll load line http://127.0.0.1:3000/api/items',
    'plimsoll load line shop',
    'plimsoll load line http://127.0.0.1:3000/api/items --start 200 --p95 100ms --json line.json'
  ],
  exits: {
    0: 'a line was found and held, or the promise held at the highest rate that could be sent',
    1: 'the promise is broken at any rate',
    2: 'no line could be found'
  },
  async run({ operands, options: given }, context) {
    const { output, signal } = context
    const { url, file } = readTarget('load line', operands, output.json)
    const subject = await subjectOf(url, given, context)
    const to = pushTo({ push: given.push, service: subject.service }, context)
    const asked = searchOf(given)
    const { promised, maxRatePerS = asked.maxPerS } = subject
    const search: SearchOptions = { ...asked, promised, maxPerS: Math.min(asked.maxPerS, maxRatePerS) }
    const { LoadSession } = await import('../../../api/src/load/run/load.ts')
    const { findLine } = await import('../../../api/src/load/line/find-line.ts')
    const session = await LoadSession.open(subject, signal)
    try {
      let told = 0
      const line = await findLine(session, search, {
        signal,
        onProgress(progress) {
          output.progress(lineProgress(progress))
          // without a terminal every finished probe is a line
          const probe = progress.probes[told]
          if (!probe) return
          told++
          if (!output.live) output.note(lineProgress(progress))
        }
      })
      await pushResults([{ kind: 'line', document: line }], to, context)
      return await tellJudged(line, lineLines(line), file, output)
    } finally {
      await session.close()
    }
  }
})

const searchOf = (given: OptionValues<typeof options>): Omit<SearchOptions, 'promised'> => {
  const rate = (name: 'start' | 'max-rate', fallback: number): number =>
    number(name, given[name] ?? String(fallback), { min: 1, max: 1_000_000 })
  const budgetMs = duration('budget', given.budget, '110s')
  return {
    startPerS: rate('start', searchDefaults.startPerS),
    maxPerS: rate('max-rate', searchDefaults.maxPerS),
    budgetMs,
    // errors are rare: their share of the time stays what it is by default
    errorBudgetMs: (budgetMs * searchDefaults.errorBudgetMs) / searchDefaults.budgetMs,
    holdMs: duration('hold', given.hold, '30s')
  }
}
