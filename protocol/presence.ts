import { type ProtocolError, subscriptionLimit, subscriptionUnauthorized } from './errors.ts';
import { field, jsonText, parseObject } from './json.ts';
import { exceeds } from './limits.ts';

/** 4.1 — one user on a presence channel. */
export interface Member {
  /** 4.2 — the identity: `String(userId)`. */
  readonly id: string;
  /** As the first socket of the user gave it; frames keep its type. */
  readonly userId: string | number;
  /** JSON text of `user_info`, `undefined` when there was none. */
  readonly infoJson: string | undefined;
}

export interface MemberLimits {
  readonly userIdLength: number;
  readonly userInfoBytes: number;
}

/** 4.2 — strings but the empty one, and finite numbers, 0 included. */
export const isUserId = (value: unknown): value is string | number =>
  typeof value === 'string' ? value !== '' : Number.isFinite(value);

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

function limitBroken(member: Member, limits: MemberLimits, channel: string): ProtocolError | undefined {
  if (exceeds(member.id.length, limits.userIdLength))
    return subscriptionLimit(channel, `The user_id is longer than ${limits.userIdLength} characters.`);
  if (exceeds(bytesOf(member.infoJson ?? ''), limits.userInfoBytes))
    return subscriptionLimit(channel, `The user_info is larger than ${limits.userInfoBytes} bytes.`);
  return undefined;
}

/** 4.1, 4.5 — throws the refusal of the subscription when there is no usable member in `channelData`. */
export function parseMember(channelData: string | undefined, limits: MemberLimits, channel: string): Member {
  const data = parseObject(channelData);
  const userId = data && field(data, 'user_id');
  if (!data || !isUserId(userId)) throw subscriptionUnauthorized(channel);
  const info = field(data, 'user_info');
  const infoJson = jsonText(info);
  if (info !== undefined && infoJson === undefined) throw subscriptionUnauthorized(channel);
  const member = { id: String(userId), userId, infoJson };
  const broken = limitBroken(member, limits, channel);
  if (broken) throw broken;
  return member;
}

/** 6.6 — a signed-in user joins as himself. */
export const memberFromUser = (user: {
  readonly id: string;
  readonly userInfoJson: string | undefined;
}): Member => ({ id: user.id, userId: user.id, infoJson: user.userInfoJson });

/** 4.3 — put together as text, so that a user called `__proto__` is a user like any other. */
export function rosterJson(members: Iterable<Member>): string {
  let count = 0;
  let ids = '';
  let hash = '';
  for (const { id, userId, infoJson } of members) {
    const comma = count === 0 ? '' : ',';
    count += 1;
    ids += comma + JSON.stringify(userId);
    hash += `${comma}${JSON.stringify(id)}:${infoJson ?? 'null'}`;
  }
  return `{"presence":{"count":${count},"ids":[${ids}],"hash":{${hash}}}}`;
}
