export const ssr = false

/** Longest wait for the page's own font; a slow line then sees the system's first. */
const FONT_WAIT_MS = 300

/** The first paint waits for the font: words that are drawn twice move what stands below them. */
export const load = async (): Promise<void> => {
  const font = document.fonts.load('1rem "Inter Variable"').catch(() => [])
  const wait = new Promise<void>((resolve) => setTimeout(resolve, FONT_WAIT_MS))
  await Promise.race([font, wait])
}
