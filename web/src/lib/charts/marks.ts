import type { Marks } from '@plimsoll/api/contract'
import type { Span } from '../time/range.ts'
import { clipped } from './axis.ts'

type Mark = Marks['marks'][number]
export type MarkKind = Mark['kind']

/** A mark with its place on a chart. */
export interface PlacedMark {
  readonly key: string
  readonly kind: MarkKind
  readonly title: string
  readonly severity: string | null
  readonly ref: string | null
  readonly fromMs: number
  /** Null: a moment, or still going on. */
  readonly toMs: number | null
  /** Shares of the width. */
  readonly from: number
  readonly to: number
  /** Drawn as a band rather than as a line. */
  readonly band: boolean
  readonly open: boolean
}

const LASTING: ReadonlySet<MarkKind> = new Set(['alert', 'maintenance'])

/** The marks that fall into a span, oldest first. An alert or a maintenance without an end lasts until now. */
export const placed = (marks: readonly Mark[], span: Span, nowMs: number): PlacedMark[] =>
  marks
    .flatMap((mark): PlacedMark[] => {
      const fromMs = Date.parse(mark.fromAt)
      const toMs = mark.toAt === null ? null : Date.parse(mark.toAt)
      const band = LASTING.has(mark.kind)
      const place = clipped(span, fromMs, band ? (toMs ?? Math.max(fromMs, nowMs)) : fromMs)
      if (!place) return []
      return [
        {
          key: `${mark.kind} ${mark.fromAt} ${mark.title}`,
          kind: mark.kind,
          title: mark.title,
          severity: mark.severity ?? null,
          ref: mark.ref ?? null,
          fromMs,
          toMs,
          from: place.from,
          to: place.to,
          band,
          open: band && toMs === null
        }
      ]
    })
    .toSorted((a, b) => a.fromMs - b.fromMs)

export interface Lane {
  readonly name: string
  readonly marks: readonly PlacedMark[]
}

const LANES: readonly { readonly name: string; readonly kinds: readonly MarkKind[] }[] = [
  { name: 'Alerts', kinds: ['alert'] },
  { name: 'Maintenance', kinds: ['maintenance'] },
  { name: 'Releases', kinds: ['release'] },
  { name: 'Promise', kinds: ['revision', 'plan'] }
]

/** Marks by lane; a lane without marks is left out. */
export const lanes = (marks: readonly PlacedMark[]): Lane[] =>
  LANES.map(({ name, kinds }) => ({ name, marks: marks.filter(({ kind }) => kinds.includes(kind)) })).filter(
    (lane) => lane.marks.length > 0
  )
