import type { MemoryStores } from '../memory/index.ts';
import type { SavedOutbox } from '../memory/outbox/outbox.ts';

/** A store whose state is passed on in parts. */
interface Stateful {
  /** Parts that one message has. */
  readonly partsAtOnce: number;
  readonly save: (stores: MemoryStores) => Iterable<unknown>;
  readonly load: (stores: MemoryStores, part: unknown) => void;
  /** Frees what has passed to the other process, as far as it may be much. */
  readonly clear: (stores: MemoryStores) => void;
}

interface WithState<Part> {
  save(): Iterable<Part>;
  load(part: Part): void;
  clear?(): void;
}

const stateful = <Part>(partsAtOnce: number, of: (stores: MemoryStores) => WithState<Part>): Stateful => ({
  partsAtOnce,
  save: (stores) => of(stores).save(),
  load: (stores, part) => of(stores).load(part as Part),
  clear: (stores) => of(stores).clear?.(),
});

/** All state that the process which replaces this one continues with, by the store that keeps it. */
export const STATEFUL: Readonly<Record<string, Stateful>> = {
  history: stateful(1, ({ history }) => history),
  cachedEvents: stateful(10, ({ cachedEvents }) => cachedEvents),
  tabStore: stateful(10, ({ tabStore }) => tabStore),
  membership: stateful(10, ({ membership }) => membership),
  quota: stateful(100, ({ quota }) => quota),
  sessionNodes: stateful(100, ({ sessionNodes }) => sessionNodes),
  state: stateful(1, ({ state }) => state),
  replayGuard: stateful(100, ({ replayGuard }) => replayGuard),
  decisions: stateful(10, ({ decisions }) => decisions),
  requestRate: stateful(100, ({ requestRate }) => requestRate),
  idempotencyKeys: stateful(10, ({ idempotencyKeys }) => idempotencyKeys),
  publishedMarks: stateful(100, ({ publishedMarks }) => publishedMarks),
  outbox: {
    partsAtOnce: 1,
    save: ({ outbox }) => (outbox === undefined ? [] : [outbox.handOver()]),
    load: ({ outbox }, part) => outbox?.load(part as SavedOutbox),
    clear: () => undefined,
  },
};
