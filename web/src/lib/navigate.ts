import { goto } from '$app/navigation'

/** Changes the address of the page one is on; scroll and focus stay where they are. */
export const navigate = (address: string, { replace = false } = {}): Promise<void> =>
  goto(address, { replace, reset: false })
