import type { Echo } from '../ports/echoes.ts';

/**
 * SPEC 11.8: the echoes that this node awaits. A multiset: of n equal events and m awaited echoes, exactly m are taken
 * for echoes, whatever their order.
 */
export class EchoBook {
  readonly #channels = new Map<string, Map<string, Echo[]>>();
  readonly #most: number;
  #size = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#size;
  }

  /** `undefined` when the book is full. */
  expect(channel: string, key: string, user?: string): Echo | undefined {
    if (this.#size >= this.#most) return undefined;
    const echo: Echo = { channel, key, user, isReceived: false, isClosed: false };
    const keys = this.#channels.get(channel) ?? new Map<string, Echo[]>();
    this.#channels.set(channel, keys);
    const echoes = keys.get(key);
    if (echoes === undefined) keys.set(key, [echo]);
    else echoes.push(echo);
    this.#size += 1;
    return echo;
  }

  /** True when the event is an awaited echo; it is not awaited any more then. */
  consume(channel: string, key: string, user?: string): boolean {
    const echoes = this.#channels.get(channel)?.get(key) ?? [];
    const echo = echoes.find((each) => each.user === user || each.user === undefined || user === undefined);
    if (echo === undefined) return false;
    echo.isReceived = true;
    this.forget(echo);
    return true;
  }

  forget(echo: Echo): void {
    if (echo.isClosed) return;
    echo.isClosed = true;
    this.#size -= 1;
    const keys = this.#channels.get(echo.channel);
    const echoes = keys?.get(echo.key);
    echoes?.splice(echoes.indexOf(echo), 1);
    if (echoes?.length === 0) keys?.delete(echo.key);
    if (keys?.size === 0) this.#channels.delete(echo.channel);
  }

  /** Forgets all echoes of a channel: the connection that would receive them is lost. */
  clear(channel: string): void {
    for (const echoes of [...(this.#channels.get(channel)?.values() ?? [])])
      for (const echo of [...echoes]) this.forget(echo);
  }
}
