import {
  type ClientMessage,
  errors,
  parseUserData,
  ProtocolError,
  type SignedInUser,
  verifyUserAuth,
} from '#protocol';
import type { Connection } from '../client/connection.ts';
import type { Refusals } from '../refusals/refusals.ts';
import type { Users } from '../users.ts';
import { completeSignin } from './complete-signin.ts';
import { isToken, signinByToken, type TokenSignins } from './token.ts';

type Signin = Extract<ClientMessage, { kind: 'signin' }>;

interface SigninDeps {
  readonly users: Users;
  readonly refusals: Refusals;
  /** `undefined`: no token signs in. */
  readonly tokenSignins?: TokenSignins | undefined;
}

/** SPEC 6.1 to 6.3: signs the socket in; it stays that user until it closes. */
export async function handleSignin(core: SigninDeps, from: Connection, message: Signin): Promise<void> {
  if (core.tokenSignins !== undefined && isToken(message.auth))
    return signinByToken(core, core.tokenSignins, from, message.auth);
  const user = verifiedUser(from, message);
  if (from.user !== undefined && from.user.id !== user.id) throw new ProtocolError(errors.signinFailed);
  await completeSignin(core.users, from, user, message.userData);
}

function verifiedUser(from: Connection, { auth, userData }: Signin): SignedInUser {
  const { credentials, strictAuthKey, limits, extraChannelCharacters } = from.app;
  const request = { socketId: from.socketId, auth, userData };
  const user = verifyUserAuth(credentials, request, strictAuthKey)
    ? parseUserData(userData, { ...limits, extraCharacters: extraChannelCharacters })
    : undefined;
  if (user === undefined) throw new ProtocolError(errors.signinFailed);
  return user;
}
