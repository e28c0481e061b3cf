import { type Credential, equalHex, hmacHex } from '#protocol';
import type { Side } from '../ports.ts';

/** A probe asks for one side of the front door with this header. */
export const SIDE_HEADER = 'x-wavehall-side';

const signatureOf = ({ key, secret }: Credential, side: Side): string =>
  hmacHex(secret, `wavehall-side:${key}:${side}`);

/** The value with which somebody who knows the app's secret asks for a side (SPEC 11.1). */
export const signedSide = (credential: Credential, side: Side): string =>
  `${side}:${signatureOf(credential, side)}`;

/** The side that a request asks for with a valid signature; `undefined`: it is split as any other (SPEC 11.1). */
export function sideAsked(credentials: readonly Credential[], header: unknown): Side | undefined {
  const found = typeof header === 'string' ? /^(wavehall|upstream):(.+)$/.exec(header) : null;
  if (found === null) return undefined;
  const side = found[1] as Side;
  return credentials.some((each) => equalHex(signatureOf(each, side), found[2])) ? side : undefined;
}
