/**
 * The index to wait beyond after a blocking query.
 *
 * A server that was restored from a snapshot counts from lower again: waiting beyond the old index
 * would sleep through everything until it is reached anew, so the waiting starts over. Zero would
 * not wait at all.
 *
 * @param previous - index waited beyond, 0 before the first query
 * @param answered - index of the answer, 0 when it had none
 * @returns 0 to ask without waiting, else 1 or more
 * @see Nomad API documentation, "Blocking Queries"
 */
export const nextIndex = (previous: number, answered: number): number =>
  answered < previous ? 0 : Math.max(1, answered)
