import { kindOf } from '#protocol';
import type { Api, ApiRequest } from './api.ts';
import { HttpError } from '../errors.ts';

/** `GET /channels/{channel}/users` (SPEC 8.8): ids are strings, also those that are numbers in `channel_data`. */
export async function users({ membership }: Api, { app, params }: ApiRequest): Promise<object> {
  const channel = params.channel ?? '';
  if (!kindOf(channel).members) throw new HttpError(400, 'The channel must be a presence channel.');
  const members = await membership.members({ app: app.id, channel });
  if (members.length === 0 && app.usersOfUnoccupiedAre404) throw new HttpError(404, {});
  return { users: members.map(({ id }) => ({ id })) };
}

/** `POST /users/{user}/terminate_connections` (SPEC 8.9), on every node. */
export async function terminateConnections(
  { nodeCommands }: Api,
  { app, params }: ApiRequest,
): Promise<object> {
  const user = params.user ?? '';
  if (user === '' || /\p{Cc}/u.test(user)) throw new HttpError(400, 'Invalid user id.');
  await nodeCommands.terminate(app.id, user);
  return {};
}
