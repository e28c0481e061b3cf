import { isChannelName, SERVER_TO_USER_PREFIX } from './channel.ts';
import { ownField, parseJson, parseJsonObject } from './json/json.ts';
import { isTooDeep, textOfField, textsOfItems } from './json/json-text.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { userIdOf } from './presence.ts';

/** 6.1 — a signed-in user. */
export interface SignedInUser {
  readonly id: string;
  /** JSON text of `user_info`, `undefined` when there was none. */
  readonly userInfoJson: string | undefined;
  /** 6.5 — ids of the watched users, each once. */
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

/** 6.5 — each once, by the text that was signed (4.2). */
function watchedIds(watchlist: string | undefined): readonly string[] {
  if (watchlist?.startsWith('[') !== true) return [];
  const ids = textsOfItems(watchlist).map((text) => userIdOf(parseJson(text), text));
  return [...new Set(ids.filter((id) => id !== undefined))];
}

/** 6.1 — `undefined` when the text names no valid user. */
export function parseUserData(
  userData: string,
  limits: UserLimits = DEFAULT_LIMITS,
): SignedInUser | undefined {
  const data = parseJsonObject(userData);
  const id = data && userIdOf(ownField(data, 'id'), textOfField(userData, 'id'));
  if (id === undefined) return undefined;
  if (!isChannelName(SERVER_TO_USER_PREFIX + id, limits.channelNameLength, limits.extraCharacters))
    return undefined;
  const watched = watchedIds(textOfField(userData, 'watchlist'));
  const most = limits.watchlistIds || watched.length;
  return {
    id,
    userInfoJson: isTooDeep(userData) ? undefined : textOfField(userData, 'user_info'),
    watchlist: watched.slice(0, most),
    watchlistOverflow: watched.length > most,
  };
}
