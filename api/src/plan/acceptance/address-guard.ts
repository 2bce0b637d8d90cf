import { lookup as lookUp } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'

/** Addresses that no plan may ask: the metadata services of clouds, which hand out credentials. */
const forbidden = new BlockList()
forbidden.addSubnet('169.254.0.0', 16, 'ipv4')
forbidden.addSubnet('fe80::', 10, 'ipv6')
forbidden.addAddress('fd00:ec2::254', 'ipv6')

export class AddressForbidden extends Error {}

/** @throws AddressForbidden when the host of a URL is such an address itself */
export function refuseForbiddenHost({ hostname }: URL): void {
  refuse(hostname.replace(/^\[|\]$/g, ''))
}

/** A resolver that gives no forbidden address, whatever a name says: checked where the connection is made. */
export const guardedLookup: LookupFunction = (hostname, options, callback) => {
  lookUp(hostname, options, (error, address, family) => {
    if (error) return callback(error, address, family)
    try {
      for (const entry of [address].flat()) refuse(typeof entry === 'string' ? entry : entry.address)
    } catch (refusal) {
      return callback(refusal as Error, address, family)
    }
    callback(null, address, family)
  })
}

function refuse(address: string): void {
  const version = isIP(address)
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  const isForbidden = mapped
    ? forbidden.check(mapped, 'ipv4')
    : version !== 0 && forbidden.check(address, version === 4 ? 'ipv4' : 'ipv6')
  if (isForbidden) throw new AddressForbidden(`${address} is link-local: cloud metadata is not for plans`)
}
