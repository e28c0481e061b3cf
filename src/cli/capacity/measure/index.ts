/** The short measurement of this machine: a server in a process of its own, and this process as its clients and its application. */
import type { Measured } from '../model.ts';
import { Publisher } from './publisher.ts';
import { ServerProcess } from './server-process.ts';
import { CHANNEL, Subscriber } from './subscriber.ts';

export interface MeasureOptions {
  /** Duration of all parts together, without starting, stopping and the warm-up, which takes at most three times as long. */
  readonly seconds: number;
  readonly payloadBytes: number;
  /** Open files of one process: the sockets of the measurement have to fit. */
  readonly openFiles: number | undefined;
}

/** Sockets of the measurement of memory and deliveries; a few are opened before the first reading. */
const SOCKETS = 1000;
const FEW = 200;
/** Files of this process and of the server besides these sockets. */
const OTHER_FILES = 100;
const IN_FLIGHT = 16;
/** Parts of an interval: the cheapest counts, because the first ones run code that is not compiled yet. */
const SLICES = 4;
const WARM_REQUESTS = 8000;
const WARM_HANDSHAKES = 2000;
const DELIVERY_TIMEOUT_MS = 10_000;

/** Measures CPU and memory of the server. Rejects with a sentence if it cannot be measured. */
export async function measure({ seconds, payloadBytes, openFiles }: MeasureOptions): Promise<Measured> {
  const sockets = socketsWithin(openFiles);
  const server = await ServerProcess.start();
  const publisher = new Publisher(server.app, payloadBytes);
  const subscribers: Subscriber[] = [];
  try {
    const ms = (seconds * 1000) / 3;
    const empty = await server.usage('memory');
    // First: later the process would reuse memory that it has freed.
    const memory = await memoryOf(server, subscribers, sockets, 1000 * seconds);
    const connect = (): Promise<void> => handshake(server);
    await warmUp(WARM_HANDSHAKES, 1000 * seconds, connect);
    const handshakeUs = await cheapest(server, ms, connect);
    const publish = (): Promise<void> => publisher.publish('capacity-unused');
    await warmUp(WARM_REQUESTS, 2000 * seconds, publish);
    const triggerUs = await cheapest(server, ms, publish);
    const fanOutUs = await fanOut(server, publisher, subscribers, ms, triggerUs);
    return {
      handshakeUs,
      triggerUs,
      fanOutUs,
      ...memory,
      processKib: empty.rssKib,
      processHeapKib: empty.heapKib,
    };
  } finally {
    for (const each of subscribers) each.close();
    publisher.close();
    await server.close();
  }
}

/** Sockets that the measurement opens. Throws for so few open files that nothing can be measured, not even a server starts. */
function socketsWithin(openFiles = 256): number {
  const sockets = Math.min(SOCKETS, openFiles - OTHER_FILES);
  if (sockets < FEW)
    throw new Error(`ulimit -n ${openFiles}: expected at least ${FEW + OTHER_FILES} open files`);
  return sockets;
}

/** Repeats a task until the server has compiled its code, which a busy machine takes longer for. */
async function warmUp(wanted: number, ms: number, task: () => Promise<void>): Promise<void> {
  const end = performance.now() + ms;
  for (let count = 0; count < wanted && performance.now() < end; count += IN_FLIGHT)
    await Promise.all(Array.from({ length: IN_FLIGHT }, task));
}

async function handshake({ app }: ServerProcess): Promise<void> {
  (await Subscriber.open(app)).close();
}

/** CPU time of the server for one task, in the cheapest of several slices of time. */
async function cheapest(
  server: ServerProcess,
  ms: number,
  task: () => Promise<void>,
  inFlight = IN_FLIGHT,
): Promise<number> {
  let least = Infinity;
  for (let slice = 0; slice < SLICES; slice += 1) {
    const before = await server.usage('cpu');
    const count = await repeat(ms / SLICES, task, inFlight);
    const after = await server.usage('cpu');
    least = Math.min(least, (after.cpuUs - before.cpuUs) / count);
  }
  return least;
}

/** Repeats a task for some time, several at once. Returns how often it was done, at least once. */
async function repeat(ms: number, task: () => Promise<void>, inFlight: number): Promise<number> {
  const end = performance.now() + ms;
  let count = 0;
  const one = async (): Promise<void> => {
    do {
      await task();
      count += 1;
    } while (performance.now() < end);
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  return count;
}

/** Opens fewer sockets than wanted on a machine that takes too long for them. */
async function memoryOf(server: ServerProcess, subscribers: Subscriber[], sockets: number, ms: number) {
  await openUpTo(server, subscribers, FEW / 2, Infinity);
  const few = { ...(await server.usage('memory')), sockets: subscribers.length };
  await openUpTo(server, subscribers, FEW, Infinity);
  await openUpTo(server, subscribers, sockets, performance.now() + ms);
  const many = await server.usage('memory');
  const more = subscribers.length - few.sockets;
  return { socketKib: (many.rssKib - few.rssKib) / more, heapKib: (many.heapKib - few.heapKib) / more };
}

async function openUpTo(
  { app }: ServerProcess,
  subscribers: Subscriber[],
  wanted: number,
  endMs: number,
): Promise<void> {
  while (subscribers.length < wanted && performance.now() < endMs) {
    const together = Math.min(IN_FLIGHT, wanted - subscribers.length);
    subscribers.push(...(await Promise.all(Array.from({ length: together }, () => Subscriber.open(app)))));
  }
}

/** CPU time of one delivery: what an event to all subscribers costs more than one to nobody. */
async function fanOut(
  server: ServerProcess,
  publisher: Publisher,
  subscribers: readonly Subscriber[],
  ms: number,
  triggerUs: number,
): Promise<number> {
  const bytes = publisher.frameBytes(CHANNEL) * subscribers.length;
  const event = async (): Promise<void> => {
    const delivered = received(subscribers, bytes);
    await Promise.all([delivered, publisher.publish(CHANNEL)]);
  };
  const eventUs = await cheapest(server, ms, event, 1);
  return Math.max(0, eventUs - triggerUs) / subscribers.length;
}

/** Resolves when all subscribers together have received this number of bytes. */
function received(subscribers: readonly Subscriber[], bytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let rest = bytes;
    const timeout = setTimeout(
      () => reject(new Error('The server that is measured did not deliver in time')),
      DELIVERY_TIMEOUT_MS,
    );
    const count = (more: number): void => {
      rest -= more;
      if (rest > 0) return;
      clearTimeout(timeout);
      resolve();
    };
    for (const each of subscribers) each.onBytes = count;
  });
}
