import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type Capabilities,
  eventually,
  HOSTILE,
  listening,
  type Open,
  ref,
  type Subject,
} from './subject.ts';

/** What every broker does. */
export function brokerContract(open: Open, { severalNodes, onlyWhatWasSubscribed }: Capabilities): void {
  let subject: Subject;
  beforeEach(async () => {
    subject = await open();
  });
  afterEach(() => subject.close());

  describe('publishing', () => {
    test('3.13 an event arrives once, with everything that it says', async () => {
      const node = await listening(subject);
      await node.broker.subscribe(ref('orders'));
      const event = {
        payload: '{"event":"x","data":"ü\\n","channel":"orders"}',
        except: '1.1',
        bestEffort: true,
        news: { id: '__proto__', came: true },
      };
      await node.broker.publish(ref('orders'), event);
      await eventually(() => node.heard.length > 0, 'the event');
      expect(node.heard).toEqual([{ ref: ref('orders'), event }]);
    });

    test('3.13 events of a channel arrive in the order in which they were published', async () => {
      const node = await listening(subject);
      await node.broker.subscribe(ref('orders'));
      const payloads = Array.from({ length: 300 }, (_, at) => `event ${at}`);
      await Promise.all(payloads.map((payload) => node.broker.publish(ref('orders'), { payload })));
      await eventually(() => node.heard.length >= payloads.length, 'all events');
      expect(node.payloads('orders')).toEqual(payloads);
    });

    test('3.13 channels and apps are told apart, whatever they are called', async () => {
      const node = await listening(subject);
      const refs = HOSTILE.flatMap((name) => [ref(name), ref(name, 'other'), ref('orders', name)]);
      for (const each of refs) await node.broker.subscribe(each);
      for (const [at, each] of refs.entries()) await node.broker.publish(each, { payload: `event ${at}` });
      await eventually(() => node.heard.length >= refs.length, 'all events');
      expect(node.heard.map((each) => [each.ref, each.event.payload])).toEqual(
        refs.map((each, at) => [each, `event ${at}`]),
      );
    });

    test('8.4 nobody has to listen', async () => {
      const node = await listening(subject);
      await expect(node.broker.publish(ref('nobody'), { payload: '{}' })).resolves.toBeUndefined();
    });

    test('3.13 a large event arrives whole', async () => {
      const node = await listening(subject);
      await node.broker.subscribe(ref('orders'));
      const payload = 'ü'.repeat(100_000);
      await node.broker.publish(ref('orders'), { payload });
      await eventually(() => node.heard.length > 0, 'the event');
      expect(node.payloads('orders')).toEqual([payload]);
    });
  });

  describe('remembering', () => {
    test('3.10 what is to be kept is known as soon as it is published', async () => {
      const node = await listening(subject);
      await node.broker.publish(ref('cache-a'), { payload: 'x', except: '1.1' }, { size: 1, ttlSeconds: 60 });
      expect((await node.history.last(ref('cache-a')))?.payload).toBe('x');
    });

    test('3.10 everything else is not', async () => {
      const node = await listening(subject);
      await node.broker.publish(ref('a'), { payload: 'x' });
      await node.broker.publish(ref('b'), { payload: 'x' }, { size: 0, ttlSeconds: 60 });
      await node.broker.publish(ref('c'), { payload: 'x' }, { size: 1, ttlSeconds: 0 });
      for (const name of ['a', 'b', 'c']) expect(await node.history.last(ref(name))).toBeUndefined();
    });
  });

  describe('subscribing', () => {
    test('3.8 after leaving and coming back events arrive once again', async () => {
      const node = await listening(subject);
      for (let round = 0; round < 3; round += 1) {
        await node.broker.subscribe(ref('orders'));
        await node.broker.publish(ref('orders'), { payload: `round ${round}` });
        await eventually(() => node.heard.length > round, 'the event');
        await node.broker.unsubscribe(ref('orders'));
      }
      expect(node.payloads('orders')).toEqual(['round 0', 'round 1', 'round 2']);
    });

    test('3.8 leaving what was never entered is no error', async () => {
      const node = await listening(subject);
      await expect(node.broker.unsubscribe(ref('never'))).resolves.toBeUndefined();
    });
  });

  if (onlyWhatWasSubscribed)
    test('3.8 a node hears nothing of channels that it did not enter, or has left', async () => {
      const node = await listening(subject);
      for (const name of ['left', 'here']) await node.broker.subscribe(ref(name));
      await node.broker.unsubscribe(ref('left'));
      for (const name of ['left', 'never', 'here']) await node.broker.publish(ref(name), { payload: 'x' });
      await eventually(() => node.payloads('here').length > 0, 'the last event');
      expect(node.heard.map((each) => each.ref.channel)).toEqual(['here']);
    });

  if (severalNodes)
    test('3.13 an event reaches every node once, the publishing one included, in one order', async () => {
      const nodes = [await listening(subject), await listening(subject), await listening(subject)];
      for (const node of nodes) await node.broker.subscribe(ref('orders'));
      await Promise.all(
        nodes.flatMap((node, from) =>
          Array.from({ length: 50 }, (_, at) =>
            node.broker.publish(ref('orders'), { payload: `${from} ${at}` }),
          ),
        ),
      );
      await eventually(() => nodes.every(({ heard }) => heard.length >= 150), 'all events');
      const [first, ...others] = nodes.map((node) => node.payloads('orders'));
      expect(new Set(first).size).toBe(150);
      for (const other of others) expect(other).toEqual(first);
    });
}
