// Runs before the first paint, as a file of its own so that the content security policy needs no exception.
// The rest is src/lib/theme.svelte.ts.
try {
  const theme = localStorage.getItem('plimsoll-theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {
  // storage is refused: the system's theme it is
}
