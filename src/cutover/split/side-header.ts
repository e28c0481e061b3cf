import { type Credential, equalHex, hmacHex } from '#protocol';
import type { Side } from '../sides.ts';

/** Header with which a probe requests one side of the front door. */
export const SIDE_HEADER = 'x-wavehall-side';

const signatureOf = ({ key, secret }: Credential, side: Side): string =>
  hmacHex(secret, `wavehall-side:${key}:${side}`);

/** The header's value, signed with the app's secret (SPEC 11.1). */
export const signedSide = (credential: Credential, side: Side): string =>
  `${side}:${signatureOf(credential, side)}`;

/** The side that a request names with a valid signature; `undefined`: it is split as any other (SPEC 11.1). */
export function requestedSide(credentials: readonly Credential[], header: unknown): Side | undefined {
  const found = typeof header === 'string' ? /^(wavehall|upstream):(.+)$/.exec(header) : null;
  if (found === null) return undefined;
  const side = found[1] as Side;
  return credentials.some((each) => equalHex(signatureOf(each, side), found[2])) ? side : undefined;
}
