import { isJsonObject } from '#protocol';
import { claimAt, type ClaimPath, type Claims, parseClaimPath, textOfValue } from './claims.ts';

/** The claims from which a member of a channel, or the user of a sign-in, is made (SPEC 15.4). */
export interface MemberClaims {
  readonly id: ClaimPath;
  /** `undefined`: no `user_info`. */
  readonly info: ReadonlyMap<string, ClaimPath> | undefined;
}

/** The subject of the token. */
export const DEFAULT_MEMBER: MemberClaims = { id: ['sub'], info: undefined };

/** Most names in an info (SPEC 15.7). */
const MOST_NAMES = 100;

/** Reads `{"id": "sub", "info": {"name": "name"}}`; a text: what was expected instead. */
export function parseMemberClaims(given: unknown): MemberClaims | string {
  if (!isJsonObject(given)) return 'an object with id and info';
  const { id = 'sub', info, ...others } = given;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) return `id and info, not ${JSON.stringify(unknown.slice(0, 100))}`;
  const path = typeof id === 'string' ? parseClaimPath(id) : undefined;
  if (path === undefined) return 'the name of a claim as id';
  if (info === undefined) return { id: path, info: undefined };
  const paths = isJsonObject(info) ? infoPaths(Object.entries(info)) : undefined;
  return paths === undefined
    ? `an object of at most ${MOST_NAMES} names of claims as info`
    : { id: path, info: paths };
}

function infoPaths(
  entries: readonly (readonly [string, unknown])[],
): ReadonlyMap<string, ClaimPath> | undefined {
  if (entries.length > MOST_NAMES) return undefined;
  const paths = new Map<string, ClaimPath>();
  for (const [name, claim] of entries) {
    const path = typeof claim === 'string' ? parseClaimPath(claim) : undefined;
    if (path === undefined) return undefined;
    paths.set(name, path);
  }
  return paths;
}

/** The id, as a text, and the info without the claims that the token does not have; `undefined`: no usable id. */
export function memberIn(
  { id: path, info }: MemberClaims,
  claims: Claims,
): { readonly id: string; readonly info: object | undefined } | undefined {
  const id = textOfValue(claimAt(claims, path));
  if (id === undefined || id === '') return undefined;
  const values = info && [...info].map(([name, of]) => [name, claimAt(claims, of)] as const);
  return { id, info: values && Object.fromEntries(values.filter(([, value]) => value !== undefined)) };
}

/** Names of the claims that it reads. */
export const memberClaimNames = ({ id, info }: MemberClaims): readonly string[] => [
  id[0],
  ...[...(info?.values() ?? [])].map(([name]) => name),
];

/** The `channel_data` of SPEC 4.1; `undefined`: no usable id. */
export function channelDataOf(member: MemberClaims, claims: Claims): string | undefined {
  const found = memberIn(member, claims);
  return found && JSON.stringify({ user_id: found.id, user_info: found.info });
}

/** The `user_data` of SPEC 6.1; `undefined`: no usable id. */
export function userDataOf(member: MemberClaims, claims: Claims): string | undefined {
  const found = memberIn(member, claims);
  return found && JSON.stringify({ id: found.id, user_info: found.info });
}
