import type { Handover } from '../../core/ports/nodes/handover.ts';
import type { Webhooks } from '../../webhooks/index.ts';
import type { Gift, Peer, PortHandle } from './peer.ts';

/** A port of a server. */
interface Port {
  /** The same in both processes if its setting is the same. */
  readonly name: string;
  /** `undefined`: it does not listen. */
  readonly handle: PortHandle | undefined;
  readonly http: { close(): Promise<unknown> };
  /** Listens, at a socket that another process has opened if one is given. */
  listen(handle?: PortHandle): Promise<void>;
}

const NO_PORTS: ReadonlyMap<string, PortHandle> = new Map();

/**
 * Listens on all ports, or on none: first on those that nobody passes on, because only they can fail; then it takes the state
 * of the process that this one replaces, and listens on its ports. From then on both accept connections, until that one drains.
 * Rejects with the first problem.
 */
export async function listenInTurn(
  all: readonly Port[],
  handover: Handover | undefined,
  predecessor: Peer | undefined,
): Promise<void> {
  const handles = (await predecessor?.takePorts()) ?? NO_PORTS;
  const passed = all.filter(({ name }) => handles.has(name));
  const own = all.filter((each) => !passed.includes(each));
  for (const [name, handle] of handles) if (!passed.some((each) => each.name === name)) handle.close();
  try {
    for (const each of own) await each.listen();
    await predecessor?.takeState(handover);
    for (const each of passed) await each.listen(handles.get(each.name));
  } catch (error) {
    await Promise.all(all.map(({ http }) => http.close()));
    throw error;
  }
}

/** Makes what this server gives to the process that replaces it. Its webhooks are delivered by that process. */
export const giftOf = (
  all: readonly Port[],
  handover: Handover | undefined,
  webhooks: Pick<Webhooks, 'close'> | undefined,
  tabs: { storeHandedOver(): void },
): Gift => ({
  ports: new Map(all.flatMap(({ name, handle }) => (handle === undefined ? [] : [[name, handle]]))),
  giveState:
    handover &&
    (async (link) => {
      await webhooks?.close();
      await handover.give(link);
      tabs.storeHandedOver();
    }),
});
