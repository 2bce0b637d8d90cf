/** Where a page of alerts ended. */
export interface AlertCursor {
  readonly openedMs: number
  readonly id: string
}

export const encodeCursor = ({ openedMs, id }: AlertCursor): string => btoa(`${openedMs} ${id}`).replaceAll('=', '')

/** @returns null when it is none of ours */
export const decodeCursor = (text: string): AlertCursor | null => {
  try {
    const [openedMs, id, ...rest] = atob(text).split(' ')
    if (!openedMs || !/^\d{1,15}$/.test(openedMs) || !id || rest.length > 0) return null
    return { openedMs: Number(openedMs), id }
  } catch {
    return null
  }
}
