/** The application of a benchmark: sends signed requests over keep-alive connections. */
import { Agent } from 'node:http';
import { type Endpoint, http, signedPath } from '../../support/wire-http.ts';
import type { PublishResult, Share } from './share.ts';

const POSTERS = 64;
const TIMEOUT_MS = 5000;

const immediate = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const dataOf = (size: number): string =>
  `due=${String(process.hrtime.bigint()).padStart(19, '0')};`.padEnd(size, 'x');

interface Tally {
  events: number;
  expected: number;
  answered: number;
  sent: number;
  refused: number;
  lost: number;
  probesMs: number[];
}

export class Publisher {
  readonly #endpoint: Endpoint;
  readonly #delivered: Int32Array;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: POSTERS });
  readonly #probeAgent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(endpoint: Endpoint, delivered: Int32Array) {
    this.#endpoint = endpoint;
    this.#delivered = delivered;
  }

  /** Publishes for an interval. Resolves when every event has arrived, or after a timeout. */
  async publish(share: Share['publish']): Promise<PublishResult> {
    const tally: Tally = { events: 0, expected: 0, answered: 0, sent: 0, refused: 0, lost: 0, probesMs: [] };
    if (share.rate > 0) await this.#openLoop(share, tally);
    else await this.#closedLoop(share, tally);
    return tally;
  }

  /** Waits until no event is in flight; returns false after a timeout. */
  async #allArrived(tally: Tally): Promise<boolean> {
    const until = performance.now() + TIMEOUT_MS;
    const isDone = (): boolean =>
      Atomics.load(this.#delivered, 0) >= tally.expected && tally.answered === tally.sent;
    while (!isDone() && performance.now() < until) await immediate();
    return isDone();
  }

  async #closedLoop(share: Share['publish'], tally: Tally): Promise<void> {
    const end = performance.now() + share.seconds * 1000;
    while (performance.now() < end) {
      for (let at = 0; at < share.burst; at += 1) this.#submit(share, tally);
      if (!(await this.#allArrived(tally))) return;
    }
  }

  async #openLoop(share: Share['publish'], tally: Tally): Promise<void> {
    const start = performance.now();
    let [due, probeDue] = [0, 0];
    for (let ms = 0; ms < share.seconds * 1000; ms = performance.now() - start) {
      for (; due <= ms; due += 1000 / share.rate) this.#submit(share, tally);
      if (share.probe > 0 && probeDue <= ms) {
        probeDue += 1000 / share.probe;
        this.#probe(share, tally);
      }
      await immediate();
    }
    await this.#allArrived(tally);
  }

  #submit({ on, prefix, batch, size }: Share['publish'], tally: Tally): void {
    const channel = Math.floor(Math.random() * on.length);
    const count = Math.max(1, batch);
    tally.sent += 1;
    tally.events += count;
    tally.expected += count * (on[channel] ?? 0);
    this.#post(`${prefix}bench-${channel}`, size, batch, this.#agent).then(
      (isGood) => {
        tally.answered += 1;
        tally.refused += Number(!isGood);
      },
      () => {
        tally.answered += 1;
        tally.lost += 1;
      },
    );
  }

  #probe({ size }: Share['publish'], tally: Tally): void {
    const since = performance.now();
    this.#post('bench-unused', size, 0, this.#probeAgent).then(
      () => tally.probesMs.push(performance.now() - since),
      () => (tally.lost += 1),
    );
  }

  /** Returns true if the event was accepted. */
  async #post(channel: string, size: number, batch: number, agent: Agent): Promise<boolean> {
    const data = dataOf(size);
    const event = { name: 'bench', channel, data };
    const body =
      batch > 0
        ? JSON.stringify({ batch: Array.from({ length: batch }, () => event) })
        : JSON.stringify({ name: 'bench', channels: [channel], data });
    const path = `/apps/${this.#endpoint.id}/${batch > 0 ? 'batch_events' : 'events'}`;
    return this.#send(signedPath(this.#endpoint, 'POST', path, [], body), body, agent);
  }

  async #send(path: string, body: string, agent: Agent): Promise<boolean> {
    const headers = { 'Content-Type': 'application/json' };
    const { status } = await http(this.#endpoint, { method: 'POST', path, body, headers, agent });
    return status === 200;
  }

  /** Keeps `inflight` requests in flight until the returned function is called. */
  repeat(
    {
      inflight,
      batch,
      plain,
    }: { readonly inflight: number; readonly batch: number; readonly plain: boolean },
    onAnswer: (ms: number, isGood: boolean) => void,
  ): () => void {
    const state = { isOver: false };
    const loop = async (): Promise<void> => {
      while (!state.isOver) {
        const since = performance.now();
        const one = plain
          ? this.#send('/echo', JSON.stringify({ data: dataOf(256) }), this.#agent)
          : this.#post('bench-unused', 256, batch, this.#agent);
        const isGood = await one.catch(() => false);
        onAnswer(performance.now() - since, isGood);
      }
    };
    for (let at = 0; at < inflight; at += 1) void loop();
    return () => (state.isOver = true);
  }
}
