import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HOSTILE_NAMES, type Implementation, openStores } from './capabilities.ts';

/** The contract of `SessionNodes`, for every implementation. */
export function sessionNodesContract(implementation: Implementation): void {
  describe('session nodes', () => {
    let node: Awaited<ReturnType<typeof openStores>>;
    beforeEach(async () => {
      node = await openStores(implementation);
    });
    afterEach(() => node.close());

    test('10.9 a session is held by the node that claims it first, until it gives it up', async () => {
      const { sessionNodes } = node;
      for (const session of ['a session', ...HOSTILE_NAMES]) {
        expect(await sessionNodes.holderOf(session)).toBeUndefined();
        expect(await sessionNodes.claim(session)).toBe(sessionNodes.name);
        expect(await sessionNodes.claim(session)).toBe(sessionNodes.name);
        expect(await sessionNodes.holderOf(session)).toBe(sessionNodes.name);
        sessionNodes.release(session);
        expect(await sessionNodes.holderOf(session)).toBeUndefined();
      }
    });

    test('10.9 messages to a node arrive in order', async () => {
      const { sessionNodes } = node;
      const received: string[] = [];
      sessionNodes.onMessage((message) => void received.push(message));
      const sent = Array.from({ length: 100 }, (_, at) => `${at} ✓`);
      for (const each of sent) sessionNodes.send(sessionNodes.name, each);
      sessionNodes.send('nobody', 'lost');
      while (received.length < sent.length) await turn();
      expect(received).toEqual(sent);
    });
  });
}
