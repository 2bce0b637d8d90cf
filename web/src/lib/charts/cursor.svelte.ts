/** The moment all charts of a page read at once; null while nobody points at one. */
class Cursor {
  atMs: number | null = $state(null)
}

export const cursor = new Cursor()
