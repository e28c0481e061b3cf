import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StreamAlignment } from '../../../src/cutover/bridge/presence/stream-alignment.ts';
import type { ServerFrame } from '../../../src/cutover/client/server-frame.ts';
import {
  HandOver,
  type HandOverResult,
  type Pingable,
} from '../../../src/cutover/bridge/presence/hand-over.ts';
import { settled } from '../../core/fakes.ts';

const frameOf = (text: string): ServerFrame => ({
  event: text,
  data: undefined,
  dataJson: 'null',
  channel: 'c',
  userId: undefined,
  text,
});

/** One connection to a server that handles one message after the other and keeps the order of frames and pongs. */
class ModelConnection implements Pingable {
  readonly pendingPings: ((isAlive: boolean) => void)[] = [];
  readonly arriving: (string | ((isAlive: boolean) => void))[] = [];
  receive: (frame: ServerFrame) => void = () => undefined;
  #isLost = false;

  ping(pong: (isAlive: boolean) => void): void {
    if (this.#isLost) pong(false);
    else this.pendingPings.push(pong);
  }

  answer(): void {
    const pong = this.pendingPings.shift();
    if (pong !== undefined) this.arriving.push(pong);
  }

  arrive(): void {
    const next = this.arriving.shift();
    if (typeof next === 'string') this.receive(frameOf(next));
    else next?.(true);
  }

  lose(): void {
    this.#isLost = true;
    const pendingPings = [
      ...this.pendingPings.splice(0),
      ...this.arriving.filter((each) => typeof each !== 'string'),
    ];
    this.arriving.length = 0;
    for (const pong of pendingPings) pong(false);
  }
}

/** Enough for every generated run. */
const ROUNDS = 50;

type Step = readonly [kind: 'event' | 'answer' | 'arrive', connection: 0 | 1, letter: number];

const step = fc.tuple(
  fc.constantFrom('event', 'answer', 'answer', 'arrive', 'arrive', 'arrive'),
  fc.constantFrom(0, 1),
  fc.nat(1),
) as fc.Arbitrary<Step>;

async function handOver(
  steps: readonly Step[],
  nameOf: (at: number, letter: number) => string,
  rounds: number,
) {
  const connections = [new ModelConnection(), new ModelConnection()] as const;
  const [published, passed]: [string[], string[]] = [[], []];
  const pass = (frame: ServerFrame): void => void passed.push(frame.text);
  const process = new HandOver({ from: connections[0], to: connections[1], deliver: pass });
  connections[0].receive = (frame) => process.receivedFrom(frame);
  let result: HandOverResult | undefined;
  connections[1].receive = (frame) => (result === undefined ? process.receivedTo(frame) : pass(frame));
  const running = process.run(rounds).then((each) => (result = each));
  const publish = (letter: number): void => {
    published.push(nameOf(published.length, letter));
    for (const connection of connections) connection.arriving.push(published.at(-1)!);
  };
  for (const [kind, connection, letter] of steps) {
    if (kind === 'event') publish(letter);
    else if (kind === 'answer') connections[connection].answer();
    else connections[connection].arrive();
    await settled(1);
  }
  while (result === undefined) {
    for (const connection of connections) {
      connection.answer();
      connection.arrive();
      await settled(1);
    }
  }
  await running;
  publish(0);
  for (const connection of connections) while (connection.arriving.length > 0) connection.arrive();
  return { published, passed, result };
}

describe('a hand-over', () => {
  test('11.10 loses and doubles no frame, in any interleaving of frames and answers', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 60, maxLength: 300 }), async (steps) => {
        const { published, passed, result } = await handOver(steps, (at) => `e${at}`, ROUNDS);
        expect(result).toBe('done');
        expect(passed).toEqual(published);
      }),
      { numRuns: 400 },
    );
  });

  test('11.10 continues while equal frames leave several offsets possible, and loses and doubles none of them', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 60, maxLength: 300 }), async (steps) => {
        const { published, passed, result } = await handOver(steps, (_, letter) => `e${letter}`, ROUNDS);
        expect(result).toBe('done');
        expect(passed).toEqual(published);
      }),
      { numRuns: 400 },
    );
  });

  test('11.10 is exact unless its result is `unsure`, however few rounds it has', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 60, maxLength: 300 }),
        fc.nat(2),
        async (steps, rounds) => {
          const { published, passed, result } = await handOver(steps, (_, letter) => `e${letter}`, rounds);
          expect(result).toBeOneOf(['done', 'unsure']);
          if (result === 'done') expect(passed).toEqual(published);
          else expect(passed.length).toBeGreaterThanOrEqual(published.length);
        },
      ),
      { numRuns: 400 },
    );
  });

  test.each([0, 1])(
    '11.10 when connection %i is lost during the hand-over, the first delivers every frame that it received',
    async (lost) => {
      for (let lostAfter = 0; lostAfter < 12; lostAfter += 1) {
        const connections = [new ModelConnection(), new ModelConnection()] as const;
        const passed: string[] = [];
        const process = new HandOver({
          from: connections[0],
          to: connections[1],
          deliver: ({ text }) => void passed.push(text),
        });
        connections[0].receive = (frame) => process.receivedFrom(frame);
        connections[1].receive = (frame) => process.receivedTo(frame);
        let ended: HandOverResult | undefined;
        void process.run(ROUNDS).then((each) => (ended = each));
        const received: string[] = [];
        for (let at = 0; at < lostAfter; at += 1) {
          received.push(`e${at}`);
          for (const connection of connections) {
            connection.arriving.push(`e${at}`);
            if (at % 2 === 1) connection.answer();
            while (connection.arriving.length > 0) connection.arrive();
          }
          await settled(1);
        }
        connections[lost as 0 | 1].lose();
        while (ended === undefined) {
          const connection = connections[(1 - lost) as 0 | 1];
          connection.answer();
          while (connection.arriving.length > 0) connection.arrive();
          await settled(1);
        }
        // The hand-over also completes when the second is lost while only the last answer of the first is missing.
        expect(ended).toBeOneOf(lost === 0 ? ['lost'] : ['lost', 'done']);
        expect(passed).toEqual(received);
      }
    },
  );
});

describe('the offset between two connections', () => {
  /** Letters are frames of the first, capitals frames of the second; `1` and `2` are their pongs. */
  const align = (sequence: string): StreamAlignment => {
    const alignment = new StreamAlignment();
    for (const symbol of sequence) {
      if (symbol === '1') alignment.firstPonged();
      else if (symbol === '2') alignment.secondPonged();
      else if (symbol === symbol.toLowerCase()) alignment.firstReceived(symbol);
      else alignment.secondReceived(symbol.toLowerCase());
    }
    return alignment;
  };

  test.each([
    ['21', 'sure', 0],
    ['2AB1', 'sure', -2],
    ['a2B1', 'sure', -1],
    ['a2A1', 'open', -1],
    ['a2A121', 'sure', 0],
    ['ab2BC1', 'open', -2],
    ['ab2BC1c2C1', 'sure', -1],
    ['2a1A2b1', 'sure', 1],
    ['xx2X1', 'open', -1],
    ['xx2Xx1y2Y1', 'sure', 0],
    ['ab2A1cd2Q1', 'broken', 0],
  ])('11.10 %s: %s, %i frames behind', (sequence, state, lag) => {
    const alignment = align(sequence);
    expect(alignment.isSure ? 'sure' : alignment.isBroken ? 'broken' : 'open').toBe(state);
    expect(alignment.lag).toBe(lag);
  });
});
