import uPlot from 'uplot'
import type { Span } from '../time/range.ts'
import type { Tone } from './reading.ts'

/** How a column is drawn. */
export interface Line {
  readonly tone: Tone
  readonly width?: number
  /** Colour of the area below. */
  readonly fill?: 'sea-soft' | 'warn-soft' | 'fail-soft'
}

export interface Drawing {
  readonly columns: readonly (readonly (number | null)[])[]
  readonly lines: readonly Line[]
  readonly span: Span
  readonly top: number
  readonly width: number
  readonly height: number
}

export interface Painter {
  readonly draw: (drawing: Drawing) => void
  readonly destroy: () => void
}

const DASHES: Partial<Record<Tone, number[]>> = { soft: [4, 3] }
const STEPPED = uPlot.paths.stepped?.({ align: 1 })
const LINEAR = uPlot.paths.linear?.()

/**
 * A canvas that draws lines over time. Frame, axes, marks and reading are the strip's;
 * this is uPlot with all of that switched off, because it draws a month of minutes in one frame.
 */
export const createPainter = (host: HTMLElement, first: Drawing, colour: (name: string) => string): Painter => {
  let drawing = first
  const chart = new uPlot(
    {
      width: first.width,
      height: first.height,
      ms: 1,
      padding: [0, 0, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      select: { show: false, left: 0, top: 0, width: 0, height: 0 },
      axes: [{ show: false }, { show: false }],
      scales: {
        x: { time: false, range: () => [drawing.span.fromMs, drawing.span.toMs] },
        y: { range: () => [0, drawing.top] }
      },
      series: [
        {},
        ...first.lines.map(({ tone, width = 1.5, fill }): uPlot.Series => {
          const stroke = colour(tone === 'soft' ? '--ink-soft' : `--${tone}`)
          return {
            stroke,
            width,
            points: { show: false },
            ...(DASHES[tone] && { dash: DASHES[tone] }),
            ...(fill && { fill: colour(`--${fill}`) }),
            // More steps than pixels say nothing that the envelope does not, and cost ten times as much.
            paths: (self, series, from, to) =>
              (to - from > self.width * 1.5 ? LINEAR : STEPPED)?.(self, series, from, to) ?? null
          }
        })
      ],
      hooks: {
        draw: [
          () => {
            performance.measure('plimsoll:chart', {
              start: 'plimsoll:chart-data',
              detail: drawing.columns[0]?.length ?? 0
            })
          }
        ]
      }
    },
    asData(first),
    (self, init) => {
      performance.mark('plimsoll:chart-data')
      host.append(self.root)
      init()
    }
  )
  return {
    draw: (next) => {
      if (next === drawing) return
      const resized = next.width !== drawing.width || next.height !== drawing.height
      drawing = next
      performance.mark('plimsoll:chart-data')
      if (resized) chart.setSize({ width: next.width, height: next.height })
      chart.setData(asData(next))
    },
    destroy: () => chart.destroy()
  }
}

const asData = ({ columns }: Drawing): uPlot.AlignedData => columns as unknown as uPlot.AlignedData
