import { lookup as lookUp } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'

/**
 * Addresses that hand out credentials to whoever asks from a cloud machine: link-local ones, and
 * those that single clouds use besides. IPv4 inside of IPv6 is seen through: mapped addresses by
 * the list itself, NAT64 and 6to4 by networks of their own.
 */
const forbidden = new BlockList()
forbidden.addSubnet('169.254.0.0', 16, 'ipv4')
forbidden.addAddress('100.100.100.200', 'ipv4') // Alibaba
forbidden.addAddress('192.0.0.192', 'ipv4') // Oracle
forbidden.addSubnet('fe80::', 10, 'ipv6')
forbidden.addAddress('fd00:ec2::254', 'ipv6') // Amazon
forbidden.addAddress('fd20:ce::254', 'ipv6') // Google
forbidden.addSubnet('64:ff9b::a9fe:0', 112, 'ipv6') // NAT64 of 169.254.0.0/16
forbidden.addSubnet('2002:a9fe::', 32, 'ipv6') // 6to4 of it

export class AddressForbidden extends Error {
  readonly code = 'PLIMSOLL_ADDRESS_FORBIDDEN'
}

/** Keeps what others name (plans, redirects, name servers) from reaching such addresses. */
export interface AddressGuard {
  /**
   * For URLs, each redirect included: an address needs no resolver.
   *
   * @throws AddressForbidden
   */
  readonly refuseHost: (url: URL) => void
  /**
   * Resolves as Node does and refuses what it finds. Node connects to what this gives, so a name
   * that says something else a moment later (DNS rebinding) changes nothing.
   */
  readonly lookup: LookupFunction
}

const refuse = (address: string): void => {
  const version = isIP(address)
  if (version !== 0 && forbidden.check(address, version === 4 ? 'ipv4' : 'ipv6')) {
    throw new AddressForbidden(`${address} is link-local: metadata of a cloud machine is not for plans`)
  }
}

/** Refuses them all. */
export const strictGuard: AddressGuard = {
  refuseHost: ({ hostname }) => refuse(hostname.replace(/^\[|\]$/g, '')),
  lookup: (hostname, options, callback) => {
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
}

const openGuard: AddressGuard = { refuseHost: () => {}, lookup: lookUp }

/** @param allowLinkLocal - the setting ALLOW_LINK_LOCAL */
export const addressGuard = (allowLinkLocal: boolean): AddressGuard => (allowLinkLocal ? openGuard : strictGuard)
