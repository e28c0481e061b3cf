import { type ChannelKind, type Member, parseMember, subscriptionRefusedByRules } from '#protocol';
import type { Connection } from '../client/connection.ts';
import type { TokenRight } from '../client/token-right.ts';

/** SPEC 15.5: the member as which the right lets its owner in, if the channel has members. Throws the refusal. */
export function memberByToken(
  from: Connection,
  right: TokenRight,
  kind: ChannelKind,
  channel: string,
): Member | undefined {
  const entrance = right.enter(channel);
  if (entrance === undefined) throw subscriptionRefusedByRules(channel);
  from.authorized = true;
  return kind.members ? parseMember(entrance.channelData, from.app.limits, channel) : undefined;
}
