import type { Agent } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { APP, appAt } from './app.ts';
import { http, signedPath } from './wire-http.ts';
import type { Address } from './wire.ts';

export interface SteadyPublisher {
  /** Sends no more, and resolves when all are answered, with the status of each publish, or the message of its error. */
  stop(): Promise<readonly string[]>;
  /** Publishes so far whose answer asked to close the connection. */
  readonly closing: number;
  /** Publishes that were answered so far. */
  readonly answered: number;
}

/** Publishes to `channel` at a rate until it is stopped. `agent`: keeps connections; without one, each publish has its own. */
export function publishSteadily(
  address: Address,
  {
    channel = 'news',
    event = 'tick',
    perSecond = 50,
    agent,
  }: { channel?: string; event?: string; perSecond?: number; agent?: Agent } = {},
): SteadyPublisher {
  const app = appAt(address);
  const stopping = new AbortController();
  const outcomes: Promise<string>[] = [];
  let [closing, answered] = [0, 0];
  const publish = async (number: number): Promise<string> => {
    const body = JSON.stringify({ name: event, channel, data: `${number}` });
    const path = signedPath(app, 'POST', `/apps/${APP.id}/events`, [], body);
    const headers = { 'Content-Type': 'application/json' };
    const answer = await http(address, { method: 'POST', path, body, headers, ...(agent && { agent }) });
    answered += 1;
    if (answer.headers.connection === 'close') closing += 1;
    return `${answer.status}`;
  };
  const running = (async () => {
    for (let number = 0; !stopping.signal.aborted; number += 1) {
      outcomes.push(publish(number).catch((error: unknown) => (error as Error).message));
      await wait(1000 / perSecond, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await running;
      return Promise.all(outcomes);
    },
    get closing() {
      return closing;
    },
    get answered() {
      return answered;
    },
  };
}
