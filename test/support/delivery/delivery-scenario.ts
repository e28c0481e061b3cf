import { ignore } from '../../../src/core/util/ignore.ts';
import { SeededRandom } from '../seeded-random.ts';
import { publisher, type Endpoint } from '../wire-http.ts';
import { emptyLog, type Fault, type ReportedRoster, type SentEvent } from './delivery-log.ts';

/** Parts of an event that its sender chooses. */
type NewEvent = Pick<SentEvent, 'channel' | 'server'> & Partial<SentEvent>;

/** Body of `POST /events`. */
export interface EventBody {
  readonly name: string;
  readonly channel: string;
  readonly data: string;
  readonly socket_id?: string;
}

/** Base of tests that send random events in the background and check the log of them afterwards. */
export class DeliveryScenario {
  readonly log = emptyLog();
  readonly random: SeededRandom;
  readonly #tasks = new Set<() => Promise<void>>();
  #numbers = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  /** The clock of the log. */
  nowMs = (): number => performance.now();

  pick<T>(items: readonly T[]): T {
    return this.random.pick(items)!;
  }

  /** Repeats a task until the returned function is called. */
  background(task: () => Promise<unknown>): () => Promise<void> {
    let isStopped = false;
    const run = async (): Promise<void> => {
      while (!isStopped) await task();
    };
    const running = run();
    running.catch(ignore);
    const stop = async (): Promise<void> => {
      isStopped = true;
      this.#tasks.delete(stop);
      await running;
    };
    this.#tasks.add(stop);
    return stop;
  }

  /** Stops all background tasks; rejects if one of them failed. */
  async stopBackground(): Promise<void> {
    await Promise.all([...this.#tasks].map((stop) => stop()));
  }

  /** Runs a task that injects a fault, and records its time. */
  async during(what: string, mayLose: Fault['mayLose'], task: () => Promise<unknown>): Promise<void> {
    const beganMs = this.nowMs();
    await task();
    this.log.faults.push({ what, mayLose, beganMs, endedMs: this.nowMs() });
  }

  /** Records an event that is about to be sent, under the next number. */
  protected sending(event: NewEvent, dataOf: (number: number) => unknown): SentEvent {
    this.#numbers += 1;
    const sent: SentEvent = {
      number: this.#numbers,
      kind: 'event',
      position: this.#numbers,
      data: dataOf(this.#numbers),
      beganMs: this.nowMs(),
      endedMs: Infinity,
      status: 0,
      ...event,
    };
    this.log.sent.push(sent);
    return sent;
  }

  /** Publishes a recorded event; `post` returns the status of the answer, 0 without one. */
  protected async post(
    sent: SentEvent,
    name: string,
    post: (body: EventBody) => Promise<number>,
  ): Promise<SentEvent> {
    const { channel, data, except } = sent;
    const body = { name, channel, data: JSON.stringify(data) };
    const status = await post(except === undefined ? body : { ...body, socket_id: except });
    sent.endedMs = this.nowMs();
    sent.status = status;
    return sent;
  }
}

/** Reads the members of a presence channel from a server's HTTP API. */
export async function reportedRoster(by: string, app: Endpoint, channel: string): Promise<ReportedRoster> {
  const answer = await publisher(app)
    .get(`/channels/${channel}/users`)
    .catch(() => undefined);
  const { users } = (answer?.json ?? {}) as { users?: { id: unknown }[] };
  return { by, channel, users: users?.map(({ id }) => String(id)) ?? ['(no answer)'] };
}
