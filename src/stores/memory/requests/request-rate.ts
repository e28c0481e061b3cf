import type { Rate, RateAnswer, RequestRate } from '../../../core/ports/nodes/request-rate.ts';
import { RequestBucket } from '../../../core/requests/token-bucket.ts';

interface SavedBucket {
  readonly app: string;
  readonly msUntilFull: number;
}

/** The buckets of a single node. */
export class MemoryRequestRate implements RequestRate {
  readonly #clock: () => number;
  readonly #buckets = new Map<string, RequestBucket>();

  /** `clock`: one that is never set. */
  constructor(clock = (): number => performance.now()) {
    this.#clock = clock;
  }

  take(app: string, rate: Rate): Promise<RateAnswer> {
    const nowMs = this.#clock();
    let bucket = this.#buckets.get(app);
    if (bucket === undefined) this.#buckets.set(app, (bucket = new RequestBucket(nowMs)));
    return Promise.resolve(bucket.take(rate, nowMs));
  }

  *save(): Generator<SavedBucket> {
    const nowMs = this.#clock();
    for (const [app, bucket] of this.#buckets) yield { app, msUntilFull: bucket.msUntilFull(nowMs) };
  }

  load({ app, msUntilFull }: SavedBucket): void {
    this.#buckets.set(app, new RequestBucket(this.#clock(), msUntilFull));
  }
}
