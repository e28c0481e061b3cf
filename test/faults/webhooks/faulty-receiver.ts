import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { WebhookEvent } from '../../support/webhooks.ts';
import type { Arrival } from './checker.ts';

/**
 * Does with one request what a fault is about. Returns whether the event was accepted, and whether the sender learns that; it
 * answers as it says, or keeps the answer.
 */
export type Behaviour = (
  answer: ServerResponse,
  delivery: { readonly id: string; readonly attempt: number },
) => Arrival['accepted'];

export const accept: Behaviour = (answer) => {
  answer.writeHead(200).end();
  return 'sure';
};

export const refuse =
  (status: number, headers: Record<string, string> = {}): Behaviour =>
  (answer) => {
    answer.writeHead(status, headers).end();
    return 'none';
  };

/** Keeps the answer: the event counts as not accepted. */
export const hold: Behaviour = () => 'none';

/** Accepts, and closes in the middle of the answer. */
export const closeMidAnswer: Behaviour = (answer) => {
  answer.writeHead(200, { 'content-length': '1000' }).write('half');
  setTimeout(() => answer.destroy(), 5);
  return 'unsure';
};

interface Recorded extends Omit<Arrival, 'accepted'> {
  accepted: Arrival['accepted'];
  readonly atMs: number;
}

/** Receiver of webhooks that keeps what arrives, and fails as a test wants. */
export async function startFaultyReceiver() {
  const arrivals: Recorded[] = [];
  const receiver = { behaviour: accept };
  const listener = createServer((request, answer) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const id = String(request.headers['wavehall-delivery']);
      const attempt = Number(request.headers['wavehall-attempt']);
      const accepted = receiver.behaviour(answer, { id, attempt });
      const { events } = JSON.parse(body) as { events: WebhookEvent[] };
      for (const { name, channel = '', user_id: user } of events)
        arrivals.push({ delivery: id, event: { name, channel, user }, accepted, atMs: Date.now() });
    });
  });
  const listen = (port: number): Promise<void> =>
    new Promise((resolve) => listener.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = listener.address() as AddressInfo;
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      listener.close(() => resolve());
      listener.closeAllConnections();
    });
  return Object.assign(receiver, {
    url: `http://127.0.0.1:${port}/hook`,
    arrivals: arrivals,
    /** Events that were accepted, each once. */
    acceptedCount: (): number =>
      new Set(arrivals.filter(({ accepted }) => accepted !== 'none').map(({ delivery }) => delivery)).size,
    /** A sender that was killed may not know what was accepted since then. */
    doubtSince: (ms: number): void => {
      for (const each of arrivals) if (each.accepted === 'sure' && each.atMs >= ms) each.accepted = 'unsure';
    },
    /** Ends all requests that are held. */
    drop: (): void => listener.closeAllConnections(),
    /** Nothing listens, until `start`. */
    stop,
    start: (): Promise<void> => listen(port),
  });
}

export type FaultyReceiver = Awaited<ReturnType<typeof startFaultyReceiver>>;
