import {
  type ClientMessage,
  errors,
  parseUserData,
  ProtocolError,
  type SignedInUser,
  verifyUserAuth,
} from '#protocol';
import type { Connection } from '../client/connection.ts';
import type { Users } from '../users.ts';

type Signin = Extract<ClientMessage, { kind: 'signin' }>;

/** SPEC 6.1 to 6.3: signs the socket in; it stays that user until it closes. */
export async function handleSignin(
  { users }: { readonly users: Users },
  from: Connection,
  message: Signin,
): Promise<void> {
  const user = verifiedUser(from, message);
  if (from.user !== undefined && from.user.id !== user.id) throw new ProtocolError(errors.signinFailed);
  await users.completeSignin(from, user, message.userData);
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
