/** One value of a read-out. */
export interface Reading {
  readonly label: string
  readonly value: string
  /** Colour and dash it is drawn with; none for what is not drawn. */
  readonly tone?: Tone
}

export type Tone = 'sea' | 'deep' | 'fail' | 'warn' | 'soft'

/** A value on a chart's height: its place, 0 at the bottom to 1 at the top, and its name. */
export interface Labelled {
  readonly share: number
  readonly label: string
}

/** A value on a chart's width; a major one stands out among those that are not. */
export interface Upright extends Labelled {
  readonly major: boolean
}
