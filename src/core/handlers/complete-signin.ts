import { encode, errors, ProtocolError, type SignedInUser } from '#protocol';
import type { Connection } from '../client/connection.ts';
import type { Users } from '../users.ts';

/** SPEC 6.1, 6.2, 6.5: the part of a sign-in that follows when its user is proved. */
export async function completeSignin(
  users: Users,
  from: Connection,
  user: SignedInUser,
  userData: string,
): Promise<void> {
  from.authorized = true;
  const added = await users.signedIn(from, user);
  from.send(encode.signinSuccess(userData));
  if (user.watchlistOverflow) from.refuse(new ProtocolError(errors.watchlistLimit));
  await users.sendOnlineUsers(from, added);
}
