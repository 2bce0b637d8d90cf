import type { LineFact } from '../facts.ts'
import { percent, type Rule } from '../rule.ts'

/**
 * This version carries what the reference carries, but for the margin. As in the performance gate, a
 * drop counts when it is larger than the margin and larger than what the two measurements could be
 * apart by chance.
 */
export const loadLine: Rule = {
  name: 'load_line',
  title: 'Load line against the reference',
  judge: ({ line, reference, loadPlanned, version }, { requireRun, loadLineDropRatio: limit }) => {
    const about = { limit, unit: 'ratio' }
    if (!line) {
      if (!requireRun && !(loadPlanned && reference)) return null
      return {
        ...about,
        state: 'could_not_measure',
        text: `no load line of ${version} is known`,
        source: 'load lines',
        next: `npx plimsoll load line URL --release ${version} --push …`
      }
    }
    const measured = { ...about, source: `load line ${line.id}`, freshAt: line.measuredAt }
    if (!reference) {
      return {
        ...measured,
        state: 'pass',
        text: `it carries ${rate(line)} requests a second; there is no reference to fall below`
      }
    }
    if (line.fingerprint === null || line.fingerprint !== reference.fingerprint) {
      return {
        ...measured,
        state: 'could_not_measure',
        text: `the load line and its reference (${reference.id}) were measured on different machines`,
        next: 'measure both on one machine: make perf-compare'
      }
    }
    const { dropRatio, interval } = dropOf(line, reference)
    const drop = { ...measured, value: dropRatio, interval }
    const words =
      `it carries ${rate(line)} requests a second, ` +
      `${reference.release ?? 'the reference'} carried ${rate(reference)}: ` +
      (dropRatio > 0 ? `${percent(dropRatio)} less` : `${percent(-dropRatio)} more`)
    if (dropRatio <= limit) return { ...drop, state: 'pass', text: `${words}, ${percent(limit)} less are allowed` }
    if (interval[0] > 0) {
      return {
        ...drop,
        state: 'fail',
        text: `${words}, ${percent(limit)} less are allowed`,
        next: 'find what became slower: make perf-compare BASE=…'
      }
    }
    return {
      ...drop,
      state: 'not_enough_evidence',
      text: `${words}, but the two measurements are too rough to tell`,
      next: 'measure both for longer'
    }
  }
}

const rate = ({ estimatePerS }: LineFact): string => String(Number(estimatePerS.toPrecision(3)))

/** The drop as a ratio of the reference, and its 95 % interval: errors of logarithms add in squares. */
export const dropOf = (
  line: LineFact,
  reference: LineFact
): { readonly dropRatio: number; readonly interval: [number, number] } => {
  const step = Math.log(line.estimatePerS / reference.estimatePerS)
  const halfWidth = Math.hypot(halfWidthOf(line), halfWidthOf(reference))
  return { dropRatio: 1 - Math.exp(step), interval: [1 - Math.exp(step + halfWidth), 1 - Math.exp(step - halfWidth)] }
}

const halfWidthOf = ({ intervalPerS: [low, high] }: LineFact): number => Math.log(high / low) / 2
