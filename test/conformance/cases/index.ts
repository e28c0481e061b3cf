import type { Case } from '../case.ts';
import { cache } from './cache.ts';
import { clientEvents } from './client-events.ts';
import { clients } from './clients.ts';
import { connection } from './connection.ts';
import { httpEvents } from './http-events.ts';
import { httpReads } from './http-reads.ts';
import { httpRequests } from './http-requests.ts';
import { messages } from './messages.ts';
import { presence } from './presence.ts';
import { refusals } from './refusals.ts';
import { subscribe } from './subscribe.ts';
import { users } from './users.ts';

const ORDER = 'CSWUH';

const rank = ({ id }: Case): number => ORDER.indexOf(id[0] ?? '') * 1_000 + Number(id.slice(1));

/** Every case, by group and number. */
export const cases: readonly Case[] = [
  ...connection,
  ...refusals,
  ...messages,
  ...subscribe,
  ...presence,
  ...cache,
  ...clientEvents,
  ...users,
  ...httpRequests,
  ...httpEvents,
  ...httpReads,
  ...clients,
].sort((left, right) => rank(left) - rank(right));
