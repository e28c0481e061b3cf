import { errors, parseUserData } from '#protocol';
import type { Connection } from '../client/connection.ts';
import type { TokenExpiry } from '../client/token-expiry.ts';
import type { ClientTokens, RefusedToken } from '../ports/apps.ts';
import type { Refusals } from '../refusals/refusals.ts';
import type { Users } from '../users.ts';

/** Parts of a server that accepts tokens. */
export interface TokenSignins {
  readonly tokens: ClientTokens;
  /** `undefined`: a connection stays when its right ends. */
  readonly expiry: TokenExpiry | undefined;
}

interface TokenSigninDeps {
  readonly users: Users;
  readonly refusals: Refusals;
}

/** SPEC 15.5: a signature has a colon, a token has none. */
export const isToken = (auth: string): boolean => auth !== '' && !auth.includes(':');

/** SPEC 15.5: signs the socket in as the user of the token, and gives it the token's right. */
export async function signinByToken(
  core: TokenSigninDeps,
  { tokens, expiry }: TokenSignins,
  from: Connection,
  token: string,
): Promise<void> {
  const right = await tokens.accept(from.app, token);
  if (from.closing) return;
  if ('cause' in right) return refuse(core, from, right);
  const { limits, extraChannelCharacters } = from.app;
  const user = parseUserData(right.userData, { ...limits, extraCharacters: extraChannelCharacters });
  if (user === undefined) return refuse(core, from, { cause: 'user', isTemporary: false });
  if (from.user !== undefined && from.user.id !== user.id)
    return refuse(core, from, { cause: 'other_user', isTemporary: false });
  from.tokenRight = right;
  expiry?.watch(from);
  await core.users.completeSignin(from, user, right.userData);
}

function refuse({ refusals }: TokenSigninDeps, from: Connection, { cause, isTemporary }: RefusedToken): void {
  const { app, socket, socketId } = from;
  const example = { app: app.id, address: socket.remoteAddress, socket: socketId, cause };
  refusals.count(isTemporary ? 'token_keys' : 'token', example);
  from.close(isTemporary ? errors.signinUnavailable : errors.signinFailed);
}
