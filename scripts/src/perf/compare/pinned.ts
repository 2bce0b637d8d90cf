import { join } from 'node:path'
import { ownCheckout } from '../../cli/own-checkout.ts'

/** Where `perf pin` keeps the run that comparisons without a base use: with the checkout, and never in git. */
export const pinnedFile = join(ownCheckout, '.perf/reference.json')
