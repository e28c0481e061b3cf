import type { Differences } from './report.ts';

const NO_USERS = 'knows no users: pusher:signin is answered with error 4200 "Invalid message format"';
const OPEN = 'ends TCP without a close frame, so that clients see 1006 and come back';
const VERSIONS = 'does not look at the protocol version';
const ONCE_A_MINUTE = 'looks for idle sockets once a minute, and only at those that are on a channel';
const CACHE =
  'keeps the event of a cache channel only as long as somebody is on it, and none that nobody heard';
const ANY_NAME = 'takes any text as a channel name, even none at all';
const NO_INFO =
  'a member without user_info breaks the roster: error 4200 for everybody who joins from then on';
const EMPTY = 'empty objects inside data become lists: {} arrives as []';
const NO_LIMITS = 'has no such limit';

/**
 * Where Laravel Reverb 1.10.2 answers otherwise than protocol/SPEC.md, each found by running these cases against it.
 * A run with `--expect-differences` fails when it finds another one, or no longer finds one of these.
 */
const differences: Differences = {
  F1: 'sends data of pusher:error as a string, which .NET and Swift clients cannot read',
  F2: 'sends pusher:error 4009 only, so that the bindings of the channel never hear of it',

  C05: `sends the error, then ${OPEN}`,
  C06: VERSIONS,
  C08: 'answers 500 to a plain GET of the socket’s address',
  C12: 'counts only sockets that are on a channel, and serves those above the quota all the same',
  C13: 'counts only sockets that are on a channel, and serves those above the quota all the same',
  C14: 'sends pusher:pong without data',
  C16: ONCE_A_MINUTE,
  C17: ONCE_A_MINUTE,
  C23: 'pings count, and are no longer answered above the limit',
  C24: `sends no error at shutdown and ${OPEN}`,
  C28: 'answers 404 to a slash after the key',
  C29: 'with a prefix, paths without it are unknown',
  C32: 'answers 500 to a plain GET of the socket’s address',
  C34: 'completes WebSocket upgrades on routes of the HTTP API',
  C38: 'answers 4200 to a ping whose data is a number',
  C40: ONCE_A_MINUTE,
  C43: VERSIONS,
  C44: VERSIONS,
  C53: ANY_NAME,
  C62: 'pings and pongs count for the rate, and are refused above it',
  C63: `${OPEN}; the error about the rate comes too late to be sent`,

  S07: 'lets a socket onto a presence channel without channel_data, as a member without an id',
  S09: 'user ids 0, 1, … turn the hash of the roster into a list, which breaks here() in Echo',
  S10: 'GET users answers numbers where members joined with numbers',
  S15: NO_INFO,
  S21: 'sends pusher:cache_miss without data',
  S22: CACHE,
  S23: 'keeps whispers as the event of a cache channel',
  S24: 'keeps member_removed as the event of a cache channel',
  S25: 'looks at prefixes without the dash: privateer is private, cachexyz a cache channel',
  S26: 'does not treat private-encrypted-cache- as a cache channel',
  S27: ANY_NAME,
  S30: 'answers 4200 when auth or channel_data of a public channel is not well-formed',
  S37: ANY_NAME,
  S39: 'answers 4200 instead of 4009 when auth is no string',
  S48: 'takes members without a usable user_id',
  S49: 'answers 4200 instead of 4009 when channel_data is no JSON object',
  S50: 'never tells that the user called 0 has left',
  S51: 'GET users answers numbers where members joined with numbers',
  S52: EMPTY,
  S53: 'passes on all of channel_data in member_added',
  S54: NO_INFO,
  S64: CACHE,
  S65: CACHE,
  S66: CACHE,
  S67: 'looks at prefixes without the dash: cache.x is a cache channel',

  W05: 'in mode all passes on a user_id that the sender made up',
  W09: 'answers 4200 to a client event whose data is a plain string',
  W10: EMPTY,
  W11: 'decodes data that is a string holding JSON',
  W12: EMPTY,
  W13: 'answers 4200 to a client event whose data is a number or a boolean',
  W22: 'in mode all passes on what the sender made up, user_id and unknown keys included',
  W24: NO_LIMITS,
  W25: 'relays client events on encrypted channels',
  W26: 'passes on a numeric user_id as a number',

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
  U20: `terminating ${OPEN}`,
  U22: `terminating ${OPEN}`,

  H03: 'does not look at the timestamp: a signed request can be repeated for ever',
  H07: 'answers 500 to a body that is no JSON',
  H11: NO_LIMITS,
  H14: 'answers {"batch":{}}',
  H15: 'answers {"channels":[]}, on which the PHP library throws',
  H18: CACHE,
  H21: 'counts only sockets that are on a channel',
  H23: 'accepts only the signature over the path without the prefix',
  H29: 'compares app ids as numbers: 03 is 3',
  H36: 'does not compare auth_key',
  H37: 'does not look at auth_version',
  H39: 'does not look at the timestamp',
  H44: 'answers 500 to a list in a parameter',
  H45: 'does not put the names of parameters into lower case',
  H46: 'answers 422 to a list, 500 to other JSON that is no object',
  H47: 'counts the headers for the size of a request',
  H48: 'takes 10 000 bytes a request, headers included',
  H51: 'delivers twice when a channel is listed twice',
  H62: 'takes anything as a name in the list of channels',
  H63: NO_LIMITS,
  H65: ANY_NAME,
  H66: 'takes 10 000 bytes a request, headers included',
  H69: NO_LIMITS,
  H71: 'answers 500 to socket_id in a batch, when that socket is on a channel',
  H72: CACHE,
  H73: 'leaves the counts of unoccupied channels out',
  H80: 'leaves the counts of unoccupied channels out',
  H82: 'leaves an empty cache out',
  H83: 'answers 404 to GET users of an unoccupied channel',
  H85: 'accepts only the signature over the path as it was sent',
};

export default differences;
