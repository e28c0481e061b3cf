import type { ChannelEvent, ChannelRef, Stores } from '../../src/core/ports.ts';

/** One cluster, empty when a test begins. */
export interface Subject {
  /** One more node of the cluster, its broker not started. */
  node(): Promise<Stores>;
  close(): Promise<void>;
}

/** What an implementation can do beyond the contract; a suite asks by name, never who it is. */
export interface Capabilities {
  /** `node` may be called more than once: what one node does, the others see. */
  readonly severalNodes: boolean;
  /** A node hears only the channels that it subscribed to. */
  readonly onlyWhatWasSubscribed: boolean;
  /** Lets time pass for what is remembered. */
  readonly pass: (ms: number) => Promise<void>;
}

export type Open = () => Promise<Subject>;

export const ref = (channel: string, app = 'app'): ChannelRef => ({ app, channel });

/** Names that an implementation may trip over: keys of objects, separators, patterns. */
export const HOSTILE = ['__proto__', 'constructor', 'a:b', 'a*', 'a[b]', 'a?', 'a\\b', '{a}', 'a b', 'ü', ''];

export interface Heard {
  readonly ref: ChannelRef;
  readonly event: ChannelEvent;
}

/** A node that writes down what its broker delivers. */
export async function listening(subject: Subject) {
  const stores = await subject.node();
  const heard: Heard[] = [];
  await stores.broker.start((at, event) => void heard.push({ ref: at, event }));
  return {
    ...stores,
    heard,
    payloads: (channel: string, app = 'app') =>
      heard
        .filter((each) => each.ref.channel === channel && each.ref.app === app)
        .map(({ event }) => event.payload),
  };
}

/** Waits for a condition, never for a time. */
export async function eventually(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.timeOrigin + performance.now() + 5000;
  while (!(await holds())) {
    if (performance.timeOrigin + performance.now() > deadline) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
