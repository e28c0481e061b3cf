import { isChannelName, SERVER_TO_USER_PREFIX } from './channel.ts';
import { field, jsonText, parseObject } from './json.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { isUserId } from './presence.ts';

/** 6.1 — who signed in. */
export interface SignedInUser {
  readonly id: string;
  /** JSON text of `user_info`, `undefined` when there was none. */
  readonly userInfoJson: string | undefined;
  /** 6.5 — the users to be told about, each once. */
  readonly watchlist: readonly string[];
  /** 6.5 — there were more than the limit; the first ones are kept. */
  readonly watchlistOverflow: boolean;
}

export interface UserLimits {
  readonly watchlistIds: number;
  readonly channelNameLength: number;
  /** 3.2 — as for channel names, of which the id becomes a part. */
  readonly extraCharacters?: string | undefined;
}

const watchedIds = (watchlist: unknown): readonly string[] =>
  Array.isArray(watchlist) ? [...new Set(watchlist.filter(isUserId).map(String))] : [];

/** 6.1 — `undefined` when nobody can be signed in with this text. */
export function parseUserData(
  userData: string,
  limits: UserLimits = DEFAULT_LIMITS,
): SignedInUser | undefined {
  const data = parseObject(userData);
  const given = data && field(data, 'id');
  if (!data || !isUserId(given)) return undefined;
  const id = String(given);
  if (!isChannelName(SERVER_TO_USER_PREFIX + id, limits.channelNameLength, limits.extraCharacters))
    return undefined;
  const watched = watchedIds(field(data, 'watchlist'));
  const most = limits.watchlistIds || watched.length;
  return {
    id,
    userInfoJson: jsonText(field(data, 'user_info')),
    watchlist: watched.slice(0, most),
    watchlistOverflow: watched.length > most,
  };
}
