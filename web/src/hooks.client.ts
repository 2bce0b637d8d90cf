import type { HandleClientError } from '@sveltejs/kit/hooks'

/** Gives an unexpected error an id, so that a person can name what the console tells in full. */
export const handleError: HandleClientError = ({ kind, error }) => {
  if (kind !== 'unknown') return
  const id = crypto.randomUUID().slice(0, 8)
  console.error(id, error)
  return { id }
}
