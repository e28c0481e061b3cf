/** Numbers that no JavaScript number is: they cross as they were written. */
import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../../support/wire.ts';
import { upstreamKinds } from '../upstream.ts';
import { BridgedPair } from './bridged-pair.ts';

let stage: BridgedPair;
afterEach(() => stage.close());

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

describe.each(upstreamKinds())('beside $name', (kind) => {
  const isWavehall = kind.name.includes('Wavehall');

  test('11.8 numbers in the data of an event cross unchanged in both directions', async () => {
    stage = await BridgedPair.open(kind);
    const [a, b] = [await stage.here(), await stage.there()];
    await Promise.all([a.join('orders'), b.join('orders')]);
    await stage.publishHere('orders', 'from-here', LIST);
    await stage.publishThere('orders', 'from-there', LIST);
    await stage.fence('orders', a, b);
    for (const person of [a, b])
      for (const name of ['from-here', 'from-there']) expect(person.received(name)).toEqual([LIST]);
  });

  test('11.9 numbers in a client event cross as the upstream writes them', async () => {
    stage = await BridgedPair.open(kind);
    const [a, b, c] = [await stage.here(), await stage.there(), await stage.there()];
    for (const person of [a, b, c]) await person.join('private-chat');
    const whisper = (event: string): string =>
      `{"event":"${event}","channel":"private-chat","data":{"n":${LIST}}}`;
    const rawOf = (person: typeof a, event: string): string | undefined =>
      person.wire.texts.find((text) => text.includes(`"${event}"`));
    a.wire.send(whisper('client-a'));
    await eventually(() => rawOf(b, 'client-a') !== undefined, 'a whisper from here is heard there');
    b.wire.send(whisper('client-b'));
    await eventually(
      () => [a, c].every((person) => rawOf(person, 'client-b') !== undefined),
      'a whisper from there is heard on both sides',
    );
    const listIn = (text: string | undefined): string | undefined =>
      /"n":\s*(\[[^\]]*\])/.exec(text ?? '')?.[1];
    // What the other side makes of its own whisper arrives here untouched.
    expect(listIn(rawOf(a, 'client-b'))).toBe(listIn(rawOf(c, 'client-b')));
    if (isWavehall) {
      expect(listIn(rawOf(a, 'client-b'))).toBe(LIST);
      expect(listIn(rawOf(b, 'client-a'))).toBe(LIST);
    }
  });

  test('11.10 numbers in user_info keep their signed form in the rosters of both sides', async () => {
    stage = await BridgedPair.open(kind);
    const channel = 'presence-room';
    const [a, b] = [await stage.here(), await stage.there()];
    const info = (text: string): string => `{"n":${text}}`;
    await b.joinRaw(channel, `{"user_id":"b","user_info":${info(LIST)}}`);
    await a.joinRaw(channel, `{"user_id":"a","user_info":${info(LIST)}}`);
    await eventually(() => [a, b].every((person) => person.roster(channel).length === 2), 'both are there');
    const late = [await stage.here(), await stage.there()];
    for (const [at, person] of late.entries())
      await person.joinRaw(channel, `{"user_id":"late-${at}","user_info":{}}`);
    const infos = (person: typeof a): string[] =>
      person.wire.texts.flatMap((text) =>
        [...text.replaceAll('\\"', '"').matchAll(/"n":\s*(\[[^\]]*\])/g)].map(([, list]) => list ?? ''),
      );
    for (const person of [a, ...late]) expect(infos(person).length).toBeGreaterThan(0);
    const said = new Set([a, b, ...late].flatMap(infos));
    // A server in PHP may write its own members' numbers in its own way; here nothing is added to that.
    if (isWavehall) expect([...said]).toEqual([LIST]);
    const here = new Set(infos(late[0] as typeof a));
    for (const list of infos(late[1] as typeof a)) expect(here).toContain(list);
  });
});
