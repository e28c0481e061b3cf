import { errors, isReservedChannel } from '#protocol';
import type { LocalChannel } from '../../channels/local-channel.ts';
import type { Connection } from '../../client/connection.ts';
import type { OutboundLimits } from '../../client/outbound.ts';
import type { ClosedConnections } from './closed-connections.ts';
import { rowOf } from './connection-row.ts';
import { viewOf } from './connection-view.ts';
import { FirstNames, searchFor } from './first-names.ts';
import type { FrameWatch } from './frame-log.ts';
import { MAX_LISTED, MAX_ROWS, type NameCount, type ViewAnswer, type ViewQuestion } from './questions.ts';

/** Channels or connections of a process that one search goes through. */
export const MAX_SEARCHED = 100_000;

/** Connections and channels of this process. */
interface Scopes {
  connection(app: string, socketId: string): Connection | undefined;
  connections(app: string): Iterable<Connection>;
  channelsOf(app: string): Iterable<LocalChannel>;
  known(ref: { readonly app: string; readonly channel: string }): LocalChannel | undefined;
}

export interface ProcessViewDeps {
  readonly scopes: Scopes;
  readonly frames: FrameWatch;
  readonly closed: ClosedConnections;
  readonly buffers: OutboundLimits;
}

type Answer = Omit<ViewAnswer, 'process' | 'node' | 'host' | 'pid'>;

/** Answers for this process. Every answer is bounded, and so is the work for it. */
export class ProcessView {
  readonly #deps: ProcessViewDeps;

  constructor(deps: ProcessViewDeps) {
    this.#deps = deps;
  }

  answer(question: ViewQuestion): Answer {
    const { view, app, name } = question;
    switch (view) {
      case 'channels':
        return this.#channels(question);
      case 'users':
        return this.#users(question);
      case 'channel':
        return this.#channel(app, name);
      case 'user':
        return this.#user(app, name);
      case 'connection':
        return this.#connection(app, name);
      case 'reconnect':
      case 'end':
        return { isDone: this.#close(app, name, view) };
    }
  }

  #channels({ app, name, after }: ViewQuestion): Answer {
    return search({ text: name, after }, this.#deps.scopes.channelsOf(app), (channel, found) => {
      const { subscribers, ref } = channel;
      if (subscribers > 0 && !isReservedChannel(ref.channel)) found(ref.channel, subscribers);
    });
  }

  #users({ app, name, after }: ViewQuestion): Answer {
    return search({ text: name, after }, this.#deps.scopes.connections(app), (connection, found) => {
      for (const id of usersOf(connection)) found(id, 1);
    });
  }

  #channel(app: string, channel: string): Answer {
    const known = this.#deps.scopes.known({ app, channel });
    const listed = known?.live.slice(0, MAX_LISTED) ?? [];
    return {
      count: known?.subscribers ?? 0,
      connections: listed.map(({ connection }) => rowOf(connection)),
    };
  }

  #user(app: string, user: string): Answer {
    const own: Connection[] = [];
    const isCut = eachOfFirst(this.#deps.scopes.connections(app), (connection) => {
      if (isOf(connection, user)) own.push(connection);
    });
    return { isCut, count: own.length, connections: own.slice(0, MAX_LISTED).map(rowOf) };
  }

  #connection(app: string, socketId: string): Answer {
    const { scopes, frames, closed, buffers } = this.#deps;
    const connection = scopes.connection(app, socketId);
    if (connection === undefined) return { closed: closed.get(app, socketId) };
    return { open: viewOf(connection, buffers, frames.look(connection)) };
  }

  /** False: it is not here. */
  #close(app: string, socketId: string, how: 'reconnect' | 'end'): boolean {
    const connection = this.#deps.scopes.connection(app, socketId);
    if (connection === undefined || connection.closing) return false;
    const code = connection.app.terminateCloseCode;
    if (how === 'reconnect') connection.close(errors.reconnect);
    else connection.close({ code, message: errors.terminatedByApp.message });
    return true;
  }
}

/** SPEC 6.7: the user as which it is signed in, and each member that it is on a presence channel; each once. */
function usersOf({ user, subscriptions }: Connection): Iterable<string> {
  const own = user === undefined ? [] : [user.id];
  const members = subscriptions.flatMap(({ member }) => (member === undefined ? [] : [member.id]));
  return members.length === 0 ? own : new Set([...own, ...members]);
}

const isOf = ({ user, subscriptions }: Connection, id: string): boolean =>
  user?.id === id || subscriptions.some(({ member }) => member?.id === id);

type Found = (name: string, count: number) => void;

/** Goes through things that have names. Answers one name more than a page has, if there are so many. */
function search<T>(
  { text, after }: { readonly text: string; readonly after: string | undefined },
  all: Iterable<T>,
  each: (thing: T, found: Found) => void,
): { readonly rows: readonly NameCount[]; readonly isCut: boolean } {
  const isWanted = searchFor(text);
  const names = new FirstNames(MAX_ROWS + 1, after);
  const found: Found = (name, count) => {
    if (names.wants(name) && isWanted(name)) names.add(name, count);
  };
  const isCut = eachOfFirst(all, (thing) => each(thing, found));
  return { rows: names.rows(), isCut };
}

/** Calls back with the first of many. True: there are more. */
function eachOfFirst<T>(all: Iterable<T>, act: (thing: T) => void): boolean {
  let seen = 0;
  for (const thing of all) {
    if (seen === MAX_SEARCHED) return true;
    seen += 1;
    act(thing);
  }
  return false;
}
