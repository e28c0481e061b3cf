import type { Deliver } from '../../core/ports/events.ts';
import type { Outbox } from '../../core/ports/webhooks.ts';
import type { Stores, Terminate } from '../../core/ports/stores.ts';
import type { MemoryStores } from '../memory/index.ts';
import { EarlierProcess } from './earlier-process.ts';
import { LaterStores } from './later-stores.ts';
import { encode } from './messages.ts';
import { STATEFUL } from './state.ts';
import { type Call, Switch } from './switch.ts';

/** Characters of state that are sent before any of them have to be on their way. */
const CHARACTERS_AT_ONCE = 1024 * 1024;

type Methods = Readonly<Record<string, (...args: never[]) => unknown>>;

/** Makes stores in memory whose state can be passed on to another process, or taken from one. */
export function withHandover(local: MemoryStores): Stores {
  const methods = local as unknown as Readonly<Record<string, Methods>>;
  const here: Call = (store, method, args) => methods[store]?.[method]?.(...(args as never[]));
  const route = new Switch(here);
  const { broker, nodeCommands, sessionNodes } = local;
  let deliver: Deliver = () => undefined;
  let terminate: Terminate = () => undefined;
  const received = {
    deliver: (...event: Parameters<Deliver>): void => deliver(...event),
    terminate: (...command: Parameters<Terminate>): void => terminate(...command),
    session: (message: string): void => sessionNodes.receive(message),
  };
  return {
    ...local,
    ...(local.outbox && { outbox: outboxOf(local.outbox, route) }),
    broker: {
      ...route.store('broker', ['publish', 'publishOnce', 'subscribe', 'unsubscribe']),
      start: (to) => broker.start((deliver = to)),
    },
    cachedEvents: route.store('cachedEvents', ['last']),
    history: route.store('history', ['after']),
    tabStore: {
      ...route.store('tabStore', ['read', 'write', 'remove']),
      get outlivesProcess() {
        return !route.isFirst;
      },
    },
    membership: route.store('membership', ['join', 'leave', 'count', 'members', 'occupancy', 'channels']),
    quota: route.store('quota', ['admit', 'dismiss', 'connections']),
    nodeCommands: {
      ...route.store('nodeCommands', ['terminate']),
      onTerminate: (to) => nodeCommands.onTerminate((terminate = to)),
    },
    sessionNodes: {
      ...route.store('sessionNodes', ['send', 'claim', 'holderOf', 'release']),
      name: sessionNodes.name,
      onMessage: (receive) => sessionNodes.onMessage(receive),
    },
    state: route.store('state', ['read', 'write']),
    decisions: route.store('decisions', ['find', 'keep', 'forget']),
    replayGuard: {
      ...route.store('replayGuard', ['take']),
      get forgotten() {
        return local.replayGuard.forgotten;
      },
    },
    requestRate: route.store('requestRate', ['take']),
    idempotencyKeys: {
      ...route.store('idempotencyKeys', ['claim', 'keepAnswer']),
      get forgotten() {
        return local.idempotencyKeys.forgotten;
      },
    },
    handover: {
      give: (link) => give(local, here, route, new LaterStores(link, received)),
      take: (link) => new EarlierProcess(link, local).take(),
    },
  };
}

/** Sends all state; calls to the stores wait meanwhile. Then they go to the successor, or on to `here` if it has ended. */
async function give(local: MemoryStores, here: Call, route: Switch, later: LaterStores): Promise<void> {
  const release = route.hold();
  let characters = 0;
  for (const text of textsOfState(local)) {
    if (later.hasEnded) break;
    const sent = later.send(text);
    characters += text.length;
    if (characters < CHARACTERS_AT_ONCE) continue;
    await sent;
    characters = 0;
  }
  await later.send(encode({ type: 'complete', sessions: local.sessionNodes.name }));
  release(later.hasEnded ? here : later.call);
  if (!later.hasEnded) for (const { clear } of Object.values(STATEFUL)) clear(local);
}

function* textsOfState(local: MemoryStores): Generator<string> {
  for (const [store, { save, partsAtOnce }] of Object.entries(STATEFUL)) {
    for (const parts of inGroups(save(local), partsAtOnce)) yield encode({ type: 'state', store, parts });
  }
}

function* inGroups(parts: Iterable<unknown>, size: number): Generator<readonly unknown[]> {
  let group: unknown[] = [];
  for (const part of parts) {
    if (group.push(part) < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

/** Only `add` and `addOnce` are directed: a process that is replaced delivers nothing any more. */
function outboxOf(local: Outbox, route: Switch): Outbox {
  return {
    ...route.store('outbox', ['add', 'addOnce']),
    onAdded: (listener) => local.onAdded(listener),
    take: (endpoint, most) => local.take(endpoint, most),
    done: (endpoint, ids) => local.done(endpoint, ids),
    failed: (endpoint, id, attempts) => local.failed(endpoint, id, attempts),
    bury: (endpoint, entry, reason) => local.bury(endpoint, entry, reason),
    deadLetters: (most) => local.deadLetters(most),
    replay: (ids) => local.replay(ids),
    waiting: (endpoint) => local.waiting(endpoint),
    get dropped() {
      return local.dropped;
    },
  };
}
