// Runs before the first paint, as a file of its own so that the content security policy needs no exception.

// The appearance that was chosen; the rest is src/lib/theme.svelte.ts.
try {
  const theme = localStorage.getItem('plimsoll-theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {
  // storage is refused: the system's theme it is
}

// When the page's own scripts cannot be loaded (a busy server, a version that was just replaced), nobody else could say so.
addEventListener('unhandledrejection', () => {
  if (document.getElementById('main') || document.getElementById('not-started')) return
  const words = document.createElement('p')
  words.id = 'not-started'
  words.setAttribute('role', 'alert')
  words.textContent =
    'The page could not be loaded: the server is busy, or its version has just changed. Loading it again in 3 seconds.'
  document.body.append(words)
  setTimeout(() => location.reload(), 3000)
})
