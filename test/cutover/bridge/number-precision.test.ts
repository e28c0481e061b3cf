/** Numbers that JavaScript cannot represent cross the bridge as they were written. */
import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../../support/wire.ts';
import { upstreamKinds } from '../upstream.ts';
import { BridgedPair } from './bridged-pair.ts';

let pair: BridgedPair;
afterEach(() => pair.close());

const NUMBERS = [
  '9007199254740993',
  '-12345678901234567890',
  '1.0',
  '1e400',
  '-0',
  '3.14159265358979323846',
  '1E+2',
];
const LIST = `[${NUMBERS.join(',')}]`;

describe.each(upstreamKinds())('with $name as the upstream', (kind) => {
  const isWavehall = kind.name.includes('Wavehall');

  test('11.8 numbers in the data of an event cross unchanged in both directions', async () => {
    pair = await BridgedPair.open(kind);
    const [a, b] = [await pair.connectToNode(), await pair.connectToUpstream()];
    await Promise.all([a.join('orders'), b.join('orders')]);
    await pair.publishAtNode('orders', 'from-here', LIST);
    await pair.publishAtUpstream('orders', 'from-there', LIST);
    await pair.fence('orders', a, b);
    for (const client of [a, b])
      for (const name of ['from-here', 'from-there']) expect(client.received(name)).toEqual([LIST]);
  });

  test('11.9 numbers in a client event cross as the upstream writes them', async () => {
    pair = await BridgedPair.open(kind);
    const [a, b, c] = [
      await pair.connectToNode(),
      await pair.connectToUpstream(),
      await pair.connectToUpstream(),
    ];
    for (const client of [a, b, c]) await client.join('private-chat');
    const clientEvent = (event: string): string =>
      `{"event":"${event}","channel":"private-chat","data":{"n":${LIST}}}`;
    const rawOf = (client: typeof a, event: string): string | undefined =>
      client.wire.texts.find((text) => text.includes(`"${event}"`));
    a.wire.send(clientEvent('client-a'));
    await eventually(
      () => rawOf(b, 'client-a') !== undefined,
      'the client event of Wavehall’s client arrives on the upstream',
    );
    b.wire.send(clientEvent('client-b'));
    await eventually(
      () => [a, c].every((client) => rawOf(client, 'client-b') !== undefined),
      'the client event of the upstream’s client arrives on both sides',
    );
    const listIn = (text: string | undefined): string | undefined =>
      /"n":\s*(\[[^\]]*\])/.exec(text ?? '')?.[1];
    // Wavehall delivers a client event of the upstream in the upstream's own form.
    expect(listIn(rawOf(a, 'client-b'))).toBe(listIn(rawOf(c, 'client-b')));
    if (isWavehall) {
      expect(listIn(rawOf(a, 'client-b'))).toBe(LIST);
      expect(listIn(rawOf(b, 'client-a'))).toBe(LIST);
    }
  });

  test('11.10 numbers in user_info keep their signed form in the rosters of both sides', async () => {
    pair = await BridgedPair.open(kind);
    const channel = 'presence-room';
    const [a, b] = [await pair.connectToNode(), await pair.connectToUpstream()];
    const info = (text: string): string => `{"n":${text}}`;
    await b.joinRaw(channel, `{"user_id":"b","user_info":${info(LIST)}}`);
    await a.joinRaw(channel, `{"user_id":"a","user_info":${info(LIST)}}`);
    await eventually(
      () => [a, b].every((client) => client.roster(channel).length === 2),
      'both members are listed',
    );
    const late = [await pair.connectToNode(), await pair.connectToUpstream()];
    for (const [at, client] of late.entries())
      await client.joinRaw(channel, `{"user_id":"late-${at}","user_info":{}}`);
    const infos = (client: typeof a): string[] =>
      client.wire.texts.flatMap((text) =>
        [...text.replaceAll('\\"', '"').matchAll(/"n":\s*(\[[^\]]*\])/g)].map(([, list]) => list ?? ''),
      );
    for (const client of [a, ...late]) expect(infos(client).length).toBeGreaterThan(0);
    const seen = new Set([a, b, ...late].flatMap(infos));
    // A server in PHP may write the numbers of its own members in another form; the bridge changes nothing more.
    if (isWavehall) expect([...seen]).toEqual([LIST]);
    const here = new Set(infos(late[0] as typeof a));
    for (const list of infos(late[1] as typeof a)) expect(here).toContain(list);
  });
});
