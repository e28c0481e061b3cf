/** One thread of the generator: a share of the clients, and on the first thread the publisher too. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Endpoint } from '../../support/wire-http.ts';
import { Client, type ClientHandlers } from './client.ts';
import { Publisher } from './publisher.ts';
import type { Share } from './share.ts';
import { sleep } from '../../../src/core/util/time.ts';

interface Start {
  readonly endpoint: Endpoint;
  /** [0]: deliveries of this measurement, of all threads. */
  readonly delivered: Int32Array;
  /** [0]: start of this measurement; events due before it are ignored. */
  readonly from: BigInt64Array;
}

const { endpoint, delivered, from } = workerData as Start;
const clients: Client[] = [];
const publisher = new Publisher(endpoint, delivered);
let latenciesMs: number[] = [];
/** Times from connecting to the last answer, of the present `open`. */
let openingMs: number[] = [];
let [arrivals, subscribed, failed, rounds, bad] = [0, 0, 0, 0, 0];
let [firstError, isOver] = ['', false];

const DUE = /due=(\d{19})/;

function received(text: string, atNs: bigint): void {
  const due = DUE.exec(text)?.[1];
  if (due === undefined) {
    if (text.includes('member_added')) arrivals += 1;
    return;
  }
  const dueNs = BigInt(due);
  if (dueNs < (from[0] ?? 0n)) return;
  latenciesMs.push(Number(atNs - dueNs) / 1e6);
  Atomics.add(delivered, 0, 1);
}

function recordError(reason: string): void {
  if (firstError === '') firstError = reason.slice(0, 120);
}

const subscriberHandlers: ClientHandlers = {
  received,
  subscribed: (client) => {
    subscribed += 1;
    openingMs.push(performance.now() - client.sinceMs);
  },
  closed: (client, reason) => {
    if (client.isSubscribed) subscribed -= 1;
    failed += 1;
    recordError(reason);
  },
};

const TIMEOUT_MS = 10_000;

async function open({ indices, channelsOf, together }: Share['open']): Promise<object> {
  const [before, wanted] = [subscribed + failed, indices.length];
  openingMs = [];
  let [opened, progressMs, seen] = [0, performance.now(), -1];
  while (subscribed + failed - before < wanted && performance.now() - progressMs < TIMEOUT_MS) {
    while (opened < wanted && opened - (subscribed + failed - before) < together) {
      const index = indices[opened] ?? 0;
      const client = new Client(
        { endpoint, index, channels: channelsOf[opened] ?? [], isBare: false },
        subscriberHandlers,
      );
      clients.push(client);
      client.open();
      opened += 1;
    }
    await sleep(1);
    if (subscribed + failed !== seen) [seen, progressMs] = [subscribed + failed, performance.now()];
  }
  return { open: subscribed, failed, firstError, latenciesMs: openingMs };
}

/** Opens clients that repeat a turn until `isOver`. */
function openLoopClients(
  count: number,
  bare: boolean,
  channel: string,
  turn: (client: Client) => void,
): Client[] {
  const closed = (_: Client, reason: string): void => {
    bad += 1;
    recordError(reason);
  };
  const looping = Array.from({ length: count }, (_, at) => {
    const options = {
      endpoint,
      index: 1_000_000 + Math.floor(Math.random() * 1e9) + at,
      channels: [channel],
      isBare: bare,
    };
    return new Client(options, { received, closed, subscribed: (client) => !isOver && turn(client) });
  });
  for (const client of looping) client.open();
  return looping;
}

function countRound(client: Client): void {
  rounds += 1;
  latenciesMs.push(performance.now() - client.sinceMs);
}

function reconnect(client: Client): void {
  countRound(client);
  client.close();
  client.open();
}

function churn(client: Client): void {
  countRound(client);
  client.sendText('{"event":"pusher:unsubscribe","data":{"channel":"presence-bench-0"}}');
  client.sinceMs = performance.now();
  client.subscribe();
}

let stop: () => void = () => undefined;

const actions = {
  open,
  close: () => {
    for (const client of clients.splice(0)) client.close();
    [subscribed, failed] = [0, 0];
    return {};
  },
  clear: () => {
    [latenciesMs, arrivals, rounds, bad, firstError] = [[], 0, 0, 0, ''];
    return {};
  },
  found: () => ({ latenciesMs, arrivals, rounds, bad, firstError, open: subscribed }),
  publish: (share: Share['publish']) => publisher.publish(share),
  begin: ({ what, inflight, bare, batch, plain }: Share['begin']) => {
    isOver = false;
    if (what === 'post') {
      stop = publisher.repeat({ inflight, batch, plain }, (ms, isGood) => {
        rounds += 1;
        bad += Number(!isGood);
        latenciesMs.push(ms);
      });
      return {};
    }
    const channel = what === 'churn' ? 'presence-bench-0' : 'bench-0';
    const looping = openLoopClients(inflight, bare, channel, what === 'churn' ? churn : reconnect);
    stop = () => looping.forEach((client) => client.close());
    return {};
  },
  end: () => {
    isOver = true;
    stop();
    return {};
  },
  ping: ({ count }: Share['ping']) => {
    for (let at = 0; at < Math.min(count, clients.length); at += 1)
      clients[Math.floor(Math.random() * clients.length)]?.sendText('{"event":"pusher:ping","data":{}}');
    return {};
  },
};

parentPort?.on('message', ([name, share]: [keyof typeof actions, never]) => {
  void Promise.resolve(actions[name](share)).then((answer) => parentPort?.postMessage(answer));
});
