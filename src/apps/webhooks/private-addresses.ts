import ipaddr from 'ipaddr.js';
import { hostOf } from '../../net/address.ts';
import { AllowedAddresses } from '../../net/allowed-addresses.ts';
import { boolean, list, setting, type SettingType } from '../../settings/settings.ts';

/** All networks, in both families. */
const EVERYWHERE: readonly string[] = ['0.0.0.0/0', '::/0'];

const networks: SettingType<readonly string[]> = {
  expected: 'true, false, or addresses and networks such as 10.0.0.0/8, separated by commas',
  parse(given) {
    const isAllowed = boolean.parse(given);
    if (isAllowed !== undefined) return isAllowed ? EVERYWHERE : [];
    const all = list.parse(given)?.map(networkIn);
    return all?.every((each) => each !== undefined) === true ? all.map(textOf) : undefined;
  },
};

/** The networks, in CIDR notation, that are not public, and that webhooks may be sent to all the same (SPEC 9.7). */
export const ALLOW_PRIVATE_SETTING = {
  webhookPrivateNetworks: setting(
    'WAVEHALL_WEBHOOK_ALLOW_PRIVATE',
    networks,
    'false',
    'Whether webhooks may be sent to addresses that are not public, such as 127.0.0.1: true, false, or the networks.',
  ),
} as const;

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Network = [address: Address, bits: number];

const textOf = ([address, bits]: Network): string => `${address.toString()}/${bits}`;

/** Parses an address or a network; `undefined` when it is neither. */
function networkIn(text: string): Network | undefined {
  if (ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text);
  return isAddress(text) ? withAllBits(ipaddr.process(text)) : undefined;
}

const withAllBits = (address: Address): Network => [address, address.kind() === 'ipv4' ? 32 : 128];

/** `ipaddr.isValid` takes the short forms of IPv4, such as `127.1`, which nobody means in a list of networks. */
const isAddress = (text: string): boolean =>
  ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text);

/**
 * True for a URL whose host is no public address, and in none of `allowed`. The address of any other name is only known when
 * it is resolved, for each delivery.
 */
export function hasRefusedHost(url: URL, allowed: readonly string[]): boolean {
  const addresses = new AllowedAddresses(allowed);
  const host = hostOf(url);
  if (/(^|\.)localhost\.?$/i.test(host))
    return ['127.0.0.1', '::1'].every((each) => !addresses.includes(each));
  return isAddress(host) && !addresses.includes(host);
}
