/** Entries with a time of their own, under the local day they belong to, in the order they come. */
export const byDay = <T>(entries: readonly T[], timeOf: (entry: T) => string, dayOf: (ms: number) => string) => {
  const days: { readonly day: string; readonly entries: T[] }[] = []
  for (const entry of entries) {
    const day = dayOf(Date.parse(timeOf(entry)))
    const last = days.at(-1)
    if (last?.day === day) last.entries.push(entry)
    else days.push({ day, entries: [entry] })
  }
  return days
}
