/** One value of a read-out. */
export interface Reading {
  readonly label: string
  readonly value: string
  /** Colour and dash it is drawn with; none for what is not drawn. */
  readonly tone?: Tone
}

export type Tone = 'sea' | 'deep' | 'fail' | 'warn' | 'soft'
