import { createSubscriber, MediaQuery } from 'svelte/reactivity'

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

const KEY = 'plimsoll-theme'
const dark = new MediaQuery('(prefers-color-scheme: dark)')
const printed = createSubscriber((update) => {
  const print = matchMedia('print')
  print.addEventListener('change', update)
  return () => print.removeEventListener('change', update)
})

let chosen: Theme = $state(stored())

function stored(): Theme {
  const set = document.documentElement.dataset['theme']
  return set === 'light' || set === 'dark' ? set : 'system'
}

/** Light or dark, as chosen or as the system has it; static/start.js applies it before the first paint. */
export const theme = {
  get chosen(): Theme {
    return chosen
  },
  set chosen(next: Theme) {
    chosen = next
    if (next === 'system') delete document.documentElement.dataset['theme']
    else document.documentElement.dataset['theme'] = next
    try {
      if (next === 'system') localStorage.removeItem(KEY)
      else localStorage.setItem(KEY, next)
    } catch {
      // Storage is refused: the choice lasts as long as the page.
    }
  },
  /** Names the colours in force; what draws on a canvas reads it to know when to draw again. */
  get key(): string {
    printed()
    return `${chosen} ${dark.current} ${matchMedia('print').matches}`
  }
}
