import { stripVTControlCharacters } from 'node:util'

/** Characters a cell takes on a terminal; colour codes take none. */
const widthOf = (cell: string): number => Array.from(stripVTControlCharacters(cell)).length

/** Rows as lines, each column as wide as its widest cell, two spaces between, nothing behind the last. */
export function columns(rows: readonly (readonly string[])[], alignRight: readonly boolean[] = []): string[] {
  const count = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: count }, (_, j) => Math.max(...rows.map((row) => widthOf(row[j] ?? ''))))
  return rows.map((row) =>
    row
      .map((cell, j) => {
        const gap = ' '.repeat((widths[j] ?? 0) - widthOf(cell))
        return alignRight[j] ? gap + cell : cell + gap
      })
      .join('  ')
      .trimEnd()
  )
}

export type Column<Row> = { readonly title: string; readonly right?: boolean; readonly cell: (row: Row) => string }

/** A table with a head; empty without rows. */
export function table<Row>(rows: readonly Row[], described: readonly Column<Row>[]): string[] {
  if (rows.length === 0) return []
  const head = described.map((c) => c.title)
  return columns(
    [head, ...rows.map((row) => described.map((c) => c.cell(row)))],
    described.map((c) => c.right ?? false)
  )
}
