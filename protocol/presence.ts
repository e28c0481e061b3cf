import { type ProtocolError, subscriptionLimit, subscriptionUnauthorized } from './errors.ts';
import { ownField, parseJsonObject } from './json/json.ts';
import { isTooDeep, textOfField } from './json/json-text.ts';
import { bytesOf, exceeds } from './limits.ts';

/** 4.1 — one user on a presence channel. */
export interface Member {
  /** 4.2 — the identity: the string, or the digits of the number as they were signed. */
  readonly id: string;
  /** As the first socket of the user gave it; frames keep its type. `String(userId)` is the identity. */
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

/**
 * 4.2 — the identity of a user whose id was written as `text` and read as `value`. A number is identified by its digits: beyond 2^53
 * its value would be that of its neighbours too.
 */
export const userIdOf = (value: unknown, text: string | undefined): string | undefined =>
  !isUserId(value) ? undefined : typeof value === 'string' ? value : text;

/** 4.2 — a number when every reader gets the same digits from it, else a string. */
const framedId = (value: unknown, id: string): string | number =>
  typeof value === 'number' && String(value) === id ? value : id;

/** 4.2 — a member whose id was written as `text` and read as `value`; `undefined` when that is no id. */
export function memberOf(
  value: unknown,
  text: string | undefined,
  infoJson: string | undefined,
): Member | undefined {
  const id = userIdOf(value, text);
  return id === undefined ? undefined : { id, userId: framedId(value, id), infoJson };
}

function limitBroken(member: Member, limits: MemberLimits, channel: string): ProtocolError | undefined {
  if (exceeds(member.id.length, limits.userIdLength))
    return subscriptionLimit(
      'userIdLength',
      channel,
      `The user_id is longer than ${limits.userIdLength} characters.`,
    );
  if (exceeds(bytesOf(member.infoJson ?? ''), limits.userInfoBytes))
    return subscriptionLimit(
      'userInfoBytes',
      channel,
      `The user_info is larger than ${limits.userInfoBytes} bytes.`,
    );
  return undefined;
}

/** 4.1, 4.5 — throws the refusal of the subscription when there is no usable member in `channelData`. */
export function parseMember(channelData: string | undefined, limits: MemberLimits, channel: string): Member {
  const data = parseJsonObject(channelData);
  if (data === undefined || channelData === undefined || isTooDeep(channelData))
    throw subscriptionUnauthorized(channel);
  const [id, info] = ['user_id', 'user_info'].map((name) => textOfField(channelData, name));
  const member = memberOf(ownField(data, 'user_id'), id, info);
  if (member === undefined) throw subscriptionUnauthorized(channel);
  const broken = limitBroken(member, limits, channel);
  if (broken) throw broken;
  return member;
}

/** 6.6 — the member that a signed-in user joins as. */
export const memberFromUser = (user: {
  readonly id: string;
  readonly userInfoJson: string | undefined;
}): Member => ({ id: user.id, userId: user.id, infoJson: user.userInfoJson });

/** 4.3 — put together as text, so that `__proto__` is an id like any other. */
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
