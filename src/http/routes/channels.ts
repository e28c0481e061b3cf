import { isReservedChannel } from '#protocol';
import type { Api, ApiRequest } from './api.ts';
import { attributes, checkInfo, checkListInfo, counts } from './attributes.ts';
import { httpError } from '../errors.ts';
import { infoNames } from './schemas.ts';

/** `GET /channels` (SPEC 8.6): the occupied channels, without the server's own. */
export async function channels({ membership }: Api, { app, query }: ApiRequest): Promise<object> {
  const info = infoNames(query.get('info'));
  const prefix = query.get('filter_by_prefix') ?? '';
  checkListInfo(app, prefix, info);
  const occupied = await membership.channels(app.id, prefix);
  const entries = [...occupied]
    .filter(([name]) => !isReservedChannel(name))
    .map(([name, occupancy]) => [name, counts(name, info, occupancy)] as const);
  return { channels: Object.fromEntries(entries) };
}

/** `GET /channels/{channel}` (SPEC 8.7): a channel without subscribers is answered with 200 too. */
export async function channel(api: Api, { app, params, query }: ApiRequest): Promise<object> {
  const name = params.channel ?? '';
  if (name === '') throw httpError(404);
  const info = infoNames(query.get('info'));
  checkInfo(app, name, info);
  const ref = { app: app.id, channel: name };
  const occupancy = await api.membership.occupancy(ref);
  const found = await attributes(api, ref, info, occupancy);
  return { occupied: occupancy.subscriptions > 0, ...found };
}
