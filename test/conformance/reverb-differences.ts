import type { Differences } from './report.ts';

const NO_USERS = 'has no signed-in users: pusher:signin is answered with error 4200 "Invalid message format"';
const NO_CLOSE_FRAME = 'closes TCP without a close frame, so that clients receive code 1006 and reconnect';
const VERSIONS = 'does not check the protocol version';
const IDLE_CHECK = 'checks for idle sockets once a minute, and only those that are subscribed to a channel';
const CACHE =
  'caches an event only while the cache channel has subscribers, and not when it is published without any';
const ANY_NAME = 'accepts any text as a channel name, and a missing name';
const NO_INFO =
  'a member without user_info breaks the list of members: every later subscription gets error 4200';
const EMPTY_OBJECTS = 'empty objects inside data become lists: {} arrives as []';
const NO_LIMITS = 'has no such limit';

/**
 * Differences of Laravel Reverb 1.10.2 from protocol/SPEC.md, each found by running these cases against it.
 * A run with `--expect-differences` fails when it finds another one, or no longer finds one of these.
 */
const differences: Differences = {
  F1: 'sends data of pusher:error as a string, which .NET and Swift clients cannot read',
  F2: 'sends pusher:error 4009 only, so that handlers bound to the channel are not called',

  C05: `sends the error, then ${NO_CLOSE_FRAME}`,
  C06: VERSIONS,
  C08: 'answers 500 to a plain GET of the socket’s address',
  C12: 'counts only sockets that are subscribed to a channel, and accepts those above the limit as well',
  C13: 'counts only sockets that are subscribed to a channel, and accepts those above the limit as well',
  C14: 'sends pusher:pong without data',
  C16: IDLE_CHECK,
  C17: IDLE_CHECK,
  C23: 'pings count for the rate limit, and are not answered above it',
  C24: `sends no error at shutdown and ${NO_CLOSE_FRAME}`,
  C28: 'answers 404 to a slash after the key',
  C29: 'with a prefix, answers 404 to paths without it',
  C32: 'answers 500 to a plain GET of the socket’s address',
  C34: 'completes WebSocket upgrades on routes of the HTTP API',
  C38: 'answers 4200 to a ping whose data is a number',
  C40: IDLE_CHECK,
  C43: VERSIONS,
  C44: VERSIONS,
  C53: ANY_NAME,
  C62: 'pings and pongs count for the rate limit, and are refused above it',
  C63: `${NO_CLOSE_FRAME}; the error for the rate limit is not sent`,

  S07: 'accepts a subscription to a presence channel without channel_data, as a member without an id',
  S09: 'user ids 0, 1, … turn the hash of members into a list, which breaks here() in Echo',
  S10: 'GET users answers numbers where members joined with numbers',
  S15: NO_INFO,
  S21: 'sends pusher:cache_miss without data',
  S22: CACHE,
  S23: 'caches client events (whispers)',
  S24: 'caches member_removed',
  S25: 'compares prefixes without the dash: privateer is a private channel, cachexyz a cache channel',
  S26: 'does not treat private-encrypted-cache- as a cache channel',
  S27: ANY_NAME,
  S30: 'answers 4200 when auth or channel_data of a public channel is not well-formed',
  S37: ANY_NAME,
  S39: 'answers 4200 instead of 4009 when auth is no string',
  S48: 'accepts members without a usable user_id',
  S49: 'answers 4200 instead of 4009 when channel_data is no JSON object',
  S50: 'sends no member_removed when the user 0 leaves',
  S51: 'GET users answers numbers where members joined with numbers',
  S52: EMPTY_OBJECTS,
  S53: 'sends all of channel_data in member_added',
  S54: NO_INFO,
  S64: CACHE,
  S65: CACHE,
  S66: CACHE,
  S67: 'compares prefixes without the dash: cache.x is a cache channel',

  W05: 'in mode all relays a forged user_id',
  W09: 'answers 4200 to a client event whose data is a plain string',
  W10: EMPTY_OBJECTS,
  W11: 'decodes data that is a string holding JSON',
  W12: EMPTY_OBJECTS,
  W13: 'answers 4200 to a client event whose data is a number or a boolean',
  W22: 'in mode all relays every key of the sender, a forged user_id included',
  W24: NO_LIMITS,
  W25: 'relays client events on encrypted channels',
  W26: 'sends a numeric user_id as a number',

  U01: NO_USERS,
  U02: NO_USERS,
  U03: NO_USERS,
  U04: NO_USERS,
  U05: NO_USERS,
  U06: NO_USERS,
  U07: 'answers 500 to terminating when sockets without a user are connected',
  U08: NO_USERS,
  U09: NO_USERS,
  U10: NO_USERS,
  U11: NO_USERS,
  U12: NO_USERS,
  U13: NO_USERS,
  U14: NO_USERS,
  U15: NO_USERS,
  U16: NO_USERS,
  U17: NO_USERS,
  U18: NO_USERS,
  U19: NO_USERS,
  U20: `terminating ${NO_CLOSE_FRAME}`,
  U22: `terminating ${NO_CLOSE_FRAME}`,

  H03: 'does not check the timestamp: a signed request can be repeated without a time limit',
  H07: 'answers 500 to a body that is no JSON',
  H11: NO_LIMITS,
  H14: 'answers {"batch":{}}',
  H15: 'answers {"channels":[]}, on which the PHP library throws',
  H18: CACHE,
  H21: 'counts only sockets that are subscribed to a channel',
  H23: 'accepts only the signature over the path without the prefix',
  H29: 'compares app ids as numbers: 03 is 3',
  H36: 'does not compare auth_key',
  H37: 'does not check auth_version',
  H39: 'does not check the timestamp',
  H44: 'answers 500 to a list in a parameter',
  H45: 'does not put the names of parameters into lower case',
  H46: 'answers 422 to a list, 500 to other JSON that is no object',
  H47: 'counts the headers in the size of a request',
  H48: 'accepts 10 000 bytes a request, headers included',
  H51: 'delivers twice when a channel is listed twice',
  H62: 'accepts any value as a name in the list of channels',
  H63: NO_LIMITS,
  H65: ANY_NAME,
  H66: 'accepts 10 000 bytes a request, headers included',
  H69: NO_LIMITS,
  H71: 'answers 500 to socket_id in a batch when that socket is subscribed to a channel',
  H72: CACHE,
  H73: 'leaves the counts of unoccupied channels out',
  H80: 'leaves the counts of unoccupied channels out',
  H82: 'leaves an empty cache out',
  H83: 'answers 404 to GET users of an unoccupied channel',
  H85: 'accepts only the signature over the path as it was sent',
};

export default differences;
