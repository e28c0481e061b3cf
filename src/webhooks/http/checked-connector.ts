import { type LookupAddress, type LookupOptions, lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import { hostOf } from '../../net/address.ts';
import type { AllowedAddresses } from '../../net/allowed-addresses.ts';

type Resolved = (error: NodeJS.ErrnoException | null, addresses: readonly LookupAddress[]) => void;
/** Resolves a host to all its addresses, as `dns.lookup` does with `all`. */
export type Resolver = (host: string, options: LookupOptions, resolved: Resolved) => void;

/** Resolves a name as the system does. */
export const systemResolver: Resolver = (host, options, resolved) =>
  lookup(host, { ...options, all: true }, resolved);

class AddressNotAllowed extends Error {
  readonly code = 'ADDRESS_NOT_PUBLIC';
}

/**
 * Connects only to allowed addresses. The name is resolved once for each connection, and the connection is made to an address of that
 * answer: a second answer, which could be another, is never asked for. The certificate of a TLS server is verified for its name.
 */
export function checkedConnector(
  allowed: AllowedAddresses,
  resolver: Resolver,
  timeoutMs: number,
): buildConnector.connector {
  const connect = buildConnector({
    timeout: timeoutMs,
    lookup: checkedLookup(allowed, resolver),
  });
  return (options, callback) => {
    // A host that is an address is connected to without a lookup.
    const host = hostOf(options);
    if (isIP(host) !== 0 && !allowed.includes(host)) callback(refusal(), null);
    else connect(options, callback);
  };
}

const checkedLookup =
  (allowed: AllowedAddresses, resolver: Resolver): LookupFunction =>
  (host, options, callback) =>
    resolver(host, options, (error, found) => {
      if (error) return callback(error, []);
      const addresses = found.filter(({ address }) => allowed.includes(address));
      const [first] = addresses;
      if (first === undefined) return callback(refusal(), []);
      if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });

const refusal = (): AddressNotAllowed => new AddressNotAllowed('the host has no public address');
