import type { ConnectionQuota } from '../../../core/ports/stores.ts';

/** SPEC 11.10: the quota counts this side's connections, proxied ones included; the number of connections is that of both sides. */
export class BridgedConnectionQuota implements ConnectionQuota {
  readonly #inner: ConnectionQuota;
  readonly #upstreamCount: (app: string) => Promise<number>;

  constructor(inner: ConnectionQuota, upstreamCount: (app: string) => Promise<number>) {
    this.#inner = inner;
    this.#upstreamCount = upstreamCount;
  }

  admit(app: string, limit: number): Promise<boolean> {
    return this.#inner.admit(app, limit);
  }

  dismiss(app: string): void {
    this.#inner.dismiss(app);
  }

  async connections(app: string): Promise<number> {
    const [own, upstream] = await Promise.all([this.#inner.connections(app), this.#upstreamCount(app)]);
    return own + upstream;
  }
}
