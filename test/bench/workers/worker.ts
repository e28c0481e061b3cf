/** One thread of the load: its share of the clients, and on the first one the publisher too. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Endpoint } from '../../support/wire-http.ts';
import { Client, type Hearer } from './client.ts';
import { Publisher } from './publisher.ts';
import type { Share } from './share.ts';
import { sleep } from '../../../src/core/util/time.ts';

interface Start {
  readonly endpoint: Endpoint;
  /** [0]: deliveries of this measurement, of all threads. */
  readonly delivered: Int32Array;
  /** [0]: when it began. */
  readonly from: BigInt64Array;
}

const { endpoint, delivered, from } = workerData as Start;
const clients: Client[] = [];
const publisher = new Publisher(endpoint, delivered);
let latenciesMs: number[] = [];
let [arrivals, settled, failed, rounds, bad] = [0, 0, 0, 0, 0];
let [complaint, isOver] = ['', false];

const DUE = /due=(\d{19})/;

function heard(text: string, atNs: bigint): void {
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

function complain(why: string): void {
  if (complaint === '') complaint = why.slice(0, 120);
}

const crowd: Hearer = {
  heard,
  settled: () => (settled += 1),
  ended: (client, why) => {
    if (client.isSettled) settled -= 1;
    failed += 1;
    complain(why);
  },
};

const PATIENCE_MS = 10_000;

async function open({ indices, channelsOf, together }: Share['open']): Promise<object> {
  const [before, wanted] = [settled + failed, indices.length];
  let [opened, progressMs, seen] = [0, performance.now(), -1];
  while (settled + failed - before < wanted && performance.now() - progressMs < PATIENCE_MS) {
    while (opened < wanted && opened - (settled + failed - before) < together) {
      const index = indices[opened] ?? 0;
      const client = new Client(
        { endpoint, index, channels: channelsOf[opened] ?? [], isBare: false },
        crowd,
      );
      clients.push(client);
      client.open();
      opened += 1;
    }
    await sleep(1);
    if (settled + failed !== seen) [seen, progressMs] = [settled + failed, performance.now()];
  }
  return { open: settled, failed, complaint };
}

/** Clients that do the same over and over until they are told that it is over. */
function again(count: number, bare: boolean, channel: string, turn: (client: Client) => void): Client[] {
  const ended = (_: Client, why: string): void => {
    bad += 1;
    complain(why);
  };
  const troop = Array.from({ length: count }, (_, at) => {
    const wanted = {
      endpoint,
      index: 1_000_000 + Math.floor(Math.random() * 1e9) + at,
      channels: [channel],
      isBare: bare,
    };
    return new Client(wanted, { heard, ended, settled: (client) => !isOver && turn(client) });
  });
  for (const client of troop) client.open();
  return troop;
}

function turned(client: Client): void {
  rounds += 1;
  latenciesMs.push(performance.now() - client.sinceMs);
}

function visit(client: Client): void {
  turned(client);
  client.close();
  client.open();
}

function churn(client: Client): void {
  turned(client);
  client.say('{"event":"pusher:unsubscribe","data":{"channel":"presence-bench-0"}}');
  client.sinceMs = performance.now();
  client.enter();
}

let stop: () => void = () => undefined;

const actions = {
  open,
  close: () => {
    for (const client of clients.splice(0)) client.close();
    [settled, failed] = [0, 0];
    return {};
  },
  clear: () => {
    [latenciesMs, arrivals, rounds, bad, complaint] = [[], 0, 0, 0, ''];
    return {};
  },
  found: () => ({ latenciesMs, arrivals, rounds, bad, complaint, open: settled }),
  publish: (share: Share['publish']) => publisher.drive(share),
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
    const troop = again(inflight, bare, channel, what === 'churn' ? churn : visit);
    stop = () => troop.forEach((client) => client.close());
    return {};
  },
  end: () => {
    isOver = true;
    stop();
    return {};
  },
  ping: ({ count }: Share['ping']) => {
    for (let at = 0; at < Math.min(count, clients.length); at += 1)
      clients[Math.floor(Math.random() * clients.length)]?.say('{"event":"pusher:ping","data":{}}');
    return {};
  },
};

parentPort?.on('message', ([name, share]: [keyof typeof actions, never]) => {
  void Promise.resolve(actions[name](share)).then((answer) => parentPort?.postMessage(answer));
});
