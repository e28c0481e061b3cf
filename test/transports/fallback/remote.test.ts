/** Both ends of what passes between nodes, over a bus that a test may disturb. */
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { SessionNodes } from '../../../src/core/ports/nodes/session-nodes.ts';
import { BEAT_MS, LOST_AFTER_MS } from '../../../src/transports/http-fallback/remote/beats.ts';
import { ForwardedResponse } from '../../../src/transports/http-fallback/remote/forwarded-response.ts';
import { decodeMessage, type NodeMessage } from '../../../src/transports/http-fallback/remote/message.ts';
import { RemoteReceiver } from '../../../src/transports/http-fallback/remote/remote-receiver.ts';
import { RemoteSessions } from '../../../src/transports/http-fallback/remote/remote-sessions.ts';
import type { ReceiverEnd } from '../../../src/transports/http-fallback/receiver.ts';
import type { ResponseReceiver } from '../../../src/transports/http-fallback/response-receiver.ts';
import type { FallbackSession } from '../../../src/transports/http-fallback/session.ts';
import { Sessions } from '../../../src/transports/http-fallback/sessions.ts';
import { FakeReceiver } from './fake-receiver.ts';

const LIMITS = { closedSessions: 10, closedBytes: 1000, rememberMs: 1000 };

/** Nodes on one bus. `pass`: changes or drops each message. */
function openBus(pass: (text: string) => string | undefined = (text) => text) {
  const receivers = new Map<string, (message: string) => void>();
  const sent: NodeMessage[] = [];
  const node = (name: string): SessionNodes => ({
    name,
    onMessage: (receive) => void receivers.set(name, receive),
    send(to, message) {
      const passed = pass(message);
      sent.push(JSON.parse(message) as NodeMessage);
      if (passed !== undefined) setImmediate(() => receivers.get(to)?.(passed));
    },
    claim: () => Promise.resolve(name),
    holderOf: () => Promise.resolve(undefined),
    release: () => undefined,
  });
  return { node, sent, receivers };
}

/** A session as the holder sees it: it notes what reaches it. */
function fakeSession(id: string) {
  const received: string[] = [];
  const ends: ReceiverEnd[] = [];
  let receiver: RemoteReceiver | undefined;
  const session = {
    id,
    attach: (given: RemoteReceiver) => void (receiver = given),
    receive: (messages: readonly Buffer[]) => void received.push(...messages.map(String)),
    refuseSize: () => void received.push('too large'),
    receiverEnded: (_: unknown, how: ReceiverEnd) => void ends.push(how),
    tick: () => undefined,
    release: () => undefined,
  };
  return { session: session as unknown as FallbackSession, received, ends, receiver: () => receiver };
}

/** A session on node `b`, and a response for it on node `a`. */
function openPair(pass?: (text: string) => string | undefined) {
  const bus = openBus(pass);
  const [nodeA, nodeB] = [bus.node('a'), bus.node('b')];
  const sessions = new Sessions(LIMITS, () => undefined);
  const held = fakeSession('s');
  sessions.add(held.session);
  const a = new RemoteSessions({ nodes: nodeA, sessions: new Sessions(LIMITS, () => undefined) });
  const b = new RemoteSessions({ nodes: nodeB, sessions });
  const response = new FakeReceiver('xhr_streaming');
  const unknown: string[] = [];
  const attach = (session = 's'): void =>
    a.attach('b', session, response as unknown as ResponseReceiver, () => void unknown.push(session));
  return { ...bus, a, b, sessions, held, response, unknown, attach };
}

/** Lets messages arrive that answer each other. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 20; turns += 1) await turn();
}

describe('receiving', () => {
  test('10.9 lines pass in order, and count as unsent until the network of the client has taken them', async () => {
    const { held, response, attach } = openPair();
    attach();
    await settle();
    const receiver = held.receiver();
    receiver?.write(Buffer.from('a ✓\n'));
    receiver?.write(Buffer.from('b\n'));
    let calls = 0;
    receiver?.whenFlushed(() => (calls += 1));
    await settle();
    expect(response.text).toBe('a ✓\nb\n');
    expect([receiver?.bufferedBytes, receiver?.flushedBytes, calls]).toEqual([8, 0, 0]);
    response.take();
    await settle();
    expect([receiver?.bufferedBytes, receiver?.flushedBytes, calls]).toEqual([0, 8, 1]);
  });

  test('10.9 an end comes after all lines, and is whole', async () => {
    const { held, response, attach } = openPair();
    attach();
    await settle();
    held.receiver()?.write(Buffer.from('a\n'));
    held.receiver()?.end();
    await settle();
    expect([response.text, response.state]).toEqual(['a\n', 'ended']);
    response.take();
    response.onEnd('whole');
    await settle();
    expect(held.ends).toEqual(['whole']);
  });

  test('10.9 a response that breaks off with lines on their way is a loss', async () => {
    const { held, response, attach } = openPair();
    attach();
    await settle();
    held.receiver()?.write(Buffer.from('a\n'));
    response.onEnd('whole');
    await settle();
    expect(held.ends).toEqual(['lossy']);
  });

  test.each([
    ['lost', (number: number) => (number === 1 ? undefined : number)],
    ['repeated', (number: number) => (number === 1 ? 0 : number)],
  ])('10.9 lines that are %s between nodes break the response off', async (_what, change) => {
    const { held, response, attach } = openPair((text) => {
      const message = JSON.parse(text) as NodeMessage;
      if (message.type !== 'lines') return text;
      const number = change(message.number);
      return number === undefined ? undefined : JSON.stringify({ ...message, number });
    });
    attach();
    await settle();
    for (const line of ['a\n', 'b\n', 'c\n']) {
      held.receiver()?.write(Buffer.from(line));
      await settle();
    }
    expect([response.text, response.state]).toEqual(['a\n', 'destroyed']);
  });

  test('10.9 the last lines that are lost are missed with the next beat', async () => {
    let isLosing = false;
    const { b, held, response, attach } = openPair((text) =>
      isLosing && text.includes('"lines"') ? undefined : text,
    );
    attach();
    await settle();
    isLosing = true;
    held.receiver()?.write(Buffer.from('a\n'));
    await settle();
    expect(response.state).toBe('open');
    b.tick(BEAT_MS);
    await settle();
    expect(response.state).toBe('destroyed');
  });

  test('10.9 a lost node is noticed at both ends, and not before its time', async () => {
    let isCut = false;
    const { a, b, held, response, attach } = openPair((text) => (isCut ? undefined : text));
    attach();
    await settle();
    for (let passedMs = 0; passedMs < 3 * LOST_AFTER_MS; passedMs += BEAT_MS) {
      a.tick(BEAT_MS);
      b.tick(BEAT_MS);
      await settle();
    }
    expect([response.state, held.ends]).toEqual(['open', []]);
    isCut = true;
    a.tick(LOST_AFTER_MS - 1);
    b.tick(LOST_AFTER_MS - 1);
    expect([response.state, held.ends]).toEqual(['open', []]);
    a.tick(1);
    b.tick(1);
    expect([response.state, held.ends]).toEqual(['destroyed', ['lossy']]);
  });

  test('10.9 a node that does not know the session gives the request back', async () => {
    const { unknown, attach } = openPair();
    attach('another');
    await settle();
    expect(unknown).toEqual(['another']);
  });

  test('10.4 the lines of a closed session are passed on', async () => {
    const { sessions, response, attach } = openPair();
    sessions.close(fakeSession('gone').session, [Buffer.from('c\n')]);
    attach('gone');
    await settle();
    expect([response.text, response.state]).toEqual(['c\n', 'ended']);
  });
});

test('10.4 the mark of a request reaches the node of its session', async () => {
  const { held, a } = openPair();
  for (const mark of ['12345678901234_123456789', undefined]) {
    const response = new FakeReceiver('xhr_polling', mark);
    a.attach('b', 's', response as unknown as ResponseReceiver, () => undefined);
    await settle();
    expect(held.receiver()?.mark).toBe(mark);
  }
});

describe('sending', () => {
  test('10.9 bodies arrive in order, each once, whatever is lost or repeated', async () => {
    let count = 0;
    const { a, held } = openPair((text) => {
      count += 1;
      return text.includes('"sent"') && count % 3 === 0 ? undefined : text;
    });
    const outcomes = [1, 2, 3].map((number) => a.send('b', 's', [Buffer.from(`${number}`), Buffer.from('')]));
    expect(await Promise.all(outcomes)).toEqual(['taken', 'taken', 'taken']);
    expect(held.received).toEqual(['1', '', '2', '', '3', '']);
  }, 15_000);

  test('10.9 a body for an unknown session, and one that is too large, are answered', async () => {
    const { a, held } = openPair();
    expect(await a.send('b', 'another', [])).toBe('unknown');
    expect(await a.send('b', 's', undefined)).toBe('taken');
    expect(held.received).toEqual(['too large']);
  });

  test('10.9 10,000 sends are remembered, so that none of them has an effect when it is repeated; the oldest is not', () => {
    const { receivers, held } = openPair();
    const send = (id: number): void => {
      const message: NodeMessage = {
        type: 'send',
        from: 'a',
        id: `${id}`,
        session: 's',
        messages: [`${id}`],
      };
      receivers.get('b')?.(JSON.stringify(message));
    };
    for (let id = 0; id < 10_000; id += 1) send(id);
    send(0);
    expect(held.received).toHaveLength(10_000);
    send(10_000);
    send(0);
    expect(held.received.slice(10_000)).toEqual(['10000', '0']);
  });

  test('10.9 a body that no node takes is lost', async () => {
    const { a } = openPair(() => undefined);
    expect(await a.send('b', 's', [])).toBe('lost');
  }, 15_000);
});

describe('what comes from the bus', () => {
  const GOOD: readonly NodeMessage[] = [
    { type: 'send', from: 'a', id: 'i', session: 's', messages: ['x'] },
    { type: 'send', from: 'a', id: 'i', session: 's', messages: null },
    { type: 'sent', id: 'i', isKnown: true },
    { type: 'attach', from: 'a', id: 'i', session: 's', kind: 'xhr_polling' },
    { type: 'unknown', id: 'i' },
    { type: 'lines', id: 'i', number: 0, lines: 'a\n', isLast: false },
    { type: 'flushed', id: 'i', bytes: 1 },
    { type: 'gone', id: 'i', bytes: 1, isWhole: true },
    { type: 'beat', from: 'a', requests: [['i', 1]] },
  ];

  test.each(GOOD.map((message) => [message.type, message] as const))(
    '10.9 a message of the type %s has exactly its fields, of their kinds',
    (_type, message) => {
      expect(decodeMessage(JSON.stringify(message))).toEqual(message);
      expect(decodeMessage(JSON.stringify({ ...message, more: 1 }))).toBeUndefined();
      for (const name of Object.keys(message)) {
        const others = Object.fromEntries(Object.entries(message).filter(([each]) => each !== name));
        expect([name, decodeMessage(JSON.stringify(others))]).toEqual([name, undefined]);
        for (const value of [undefined, {}, -1, 1.5, [1], [['i']], '']) {
          if (name === 'session' || name === 'lines' || name === 'messages') continue;
          expect(decodeMessage(JSON.stringify({ ...message, [name]: value }))).toBeUndefined();
        }
      }
    },
  );

  test('10.9 anything else is ignored', async () => {
    const { receivers, held, response, attach } = openPair();
    attach();
    await settle();
    const id = held.receiver()?.id ?? '';
    held.receiver()?.write(Buffer.from('a\n'));
    await settle();
    const garbage = ['', 'x', '[]', 'null', '{"type":"__proto__"}', '{"type":"toString"}', '{'.repeat(1000)];
    const foreign: NodeMessage[] = [
      { type: 'flushed', id, bytes: 1_000_000 },
      { type: 'flushed', id: 'nobody', bytes: 1 },
      { type: 'gone', id: 'nobody', bytes: 1, isWhole: true },
      { type: 'lines', id: 'nobody', number: 0, lines: 'x', isLast: true },
      { type: 'beat', from: 'nobody', requests: [[id, 7]] },
      { type: 'sent', id: 'nobody', isKnown: true },
    ];
    for (const receive of receivers.values())
      for (const text of [...garbage, ...foreign.map((each) => JSON.stringify(each))]) receive(text);
    await settle();
    expect([response.text, response.state]).toEqual(['a\n', 'open']);
    expect(held.receiver()?.bufferedBytes).toBe(2);
  });
});

test('10.9 a beat names 500 requests, and a further message the next one', async () => {
  const { node, sent } = openBus();
  const a = new RemoteSessions({ nodes: node('a'), sessions: new Sessions(LIMITS, () => undefined) });
  for (let opened = 0; opened < 501; opened += 1)
    a.attach('b', 's', new FakeReceiver('xhr_polling') as unknown as ResponseReceiver, () => undefined);
  a.tick(BEAT_MS);
  await settle();
  const beats = sent.flatMap((message) => (message.type === 'beat' ? [message.requests.length] : []));
  expect(beats).toEqual([500, 1]);
});

test('10.9 large lines pass in parts, and small ones together', async () => {
  const sent: NodeMessage[] = [];
  const receiver = new RemoteReceiver({
    ...{ id: 'i', kind: 'xhr_streaming', node: 'b' },
    send: (message) => void sent.push(message),
    onEnd: () => undefined,
  });
  for (let written = 0; written < 100; written += 1) receiver.write(Buffer.from(`${'x'.repeat(1999)}\n`));
  receiver.write(Buffer.from(`${'y'.repeat(200_000)}\n`));
  receiver.end();
  await settle();
  const lines = sent.flatMap((message) => (message.type === 'lines' ? [message] : []));
  expect(lines.map(({ number }) => number)).toEqual(lines.map((_, at) => at));
  expect(lines.map(({ isLast }) => isLast)).toEqual(lines.map((_, at) => at === lines.length - 1));
  expect(lines.reduce((sum, { lines: { length } }) => sum + length, 0)).toBe(400_001);
  expect(lines.length).toBeLessThan(8);
});

test('10.9 a response reports once what was taken while the report was under way', async () => {
  const sent: NodeMessage[] = [];
  const receiver = new FakeReceiver('xhr_streaming');
  const response = new ForwardedResponse(receiver, {
    node: 'b',
    send: (message) => void sent.push(message),
    onUnknown: () => undefined,
  });
  for (const number of [0, 1, 2]) response.lines(number, 'a\n', false);
  receiver.take();
  receiver.take();
  await settle();
  expect(sent).toEqual([
    { type: 'flushed', id: response.id, bytes: 2 },
    { type: 'flushed', id: response.id, bytes: 6 },
  ]);
});
