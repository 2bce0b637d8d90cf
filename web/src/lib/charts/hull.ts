/**
 * The picture of an error budget: a hull with its load line. What is spent is draught, so the water
 * rises with it; what is left is freeboard, the height between the water and the load line. An
 * overspent budget has its line under water.
 */

/** Share of the budget spent at which the scale ends above the load line. */
export const SCALE_TOP = 1.25

/** Height of a share spent on the scale, 0 (nothing spent) to 1 (the top), held within it. */
export const heightOf = (spentRatio: number): number => Math.min(1, Math.max(0, spentRatio / SCALE_TOP))

/** Height of the load line on the scale. */
export const LOAD_LINE = heightOf(1)

interface Water {
  /** 0 to 1 of the scale. */
  readonly height: number
  /** More was spent than the scale shows. */
  readonly beyond: boolean
}

/** The water of a budget; null where nothing was measured. */
export const waterOf = (remainingRatio: number | null): Water | null =>
  remainingRatio === null ? null : { height: heightOf(1 - remainingRatio), beyond: 1 - remainingRatio > SCALE_TOP }

export interface HullDrawing {
  readonly hull: string
  readonly marks: string
  readonly line: string
  readonly lineY: number
  readonly middle: number
  readonly water: { readonly y: number; readonly height: number } | null
  /** More was spent than shows; told where there is room to. */
  readonly beyond: boolean
}

/** Width of the scale at the hull's side, px. */
const SIDE = 6

/** The paths of a hull of the given size, in px; a tall one has a mark for every tenth. */
export const hullDrawing = (remainingRatio: number | null, width: number, height: number): HullDrawing => {
  const y = (share: number): number => Math.round((1 - share) * height * 10) / 10
  const water = waterOf(remainingRatio)
  const lineY = y(LOAD_LINE)
  const isTall = height > 80
  // The surface keeps half its stroke within the picture.
  const surface = water ? Math.min(height - 1, Math.max(1, y(water.height))) : height
  return {
    hull: `M${SIDE} 0V${height}`,
    marks: DRAUGHT_MARKS.filter(({ long }) => long || isTall)
      .map((mark) => `M${mark.long ? 0 : 3} ${Math.min(height - 0.5, y(mark.height))}H${SIDE}`)
      .join(''),
    line: `M${SIDE} ${lineY}H${width}`,
    lineY,
    middle: SIDE + (width - SIDE) / 2,
    water: water && { y: surface, height: height - surface },
    beyond: isTall && (water?.beyond ?? false)
  }
}

/** Draught marks: every tenth of the budget, every fifth of them long, and their heights. */
export const DRAUGHT_MARKS: readonly {
  readonly height: number
  readonly long: boolean
  readonly leftPercent: number
}[] = Array.from({ length: 11 }, (_, tenth) => ({
  height: heightOf(tenth / 10),
  long: tenth % 5 === 0,
  leftPercent: 100 - tenth * 10
}))
