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
  readonly asked: ((isAlive: boolean) => void)[] = [];
  readonly arriving: (string | ((isAlive: boolean) => void))[] = [];
  receive: (frame: ServerFrame) => void = () => undefined;
  #isLost = false;

  ping(pong: (isAlive: boolean) => void): void {
    if (this.#isLost) pong(false);
    else this.asked.push(pong);
  }

  answer(): void {
    const pong = this.asked.shift();
    if (pong !== undefined) this.arriving.push(pong);
  }

  arrive(): void {
    const next = this.arriving.shift();
    if (typeof next === 'string') this.receive(frameOf(next));
    else next?.(true);
  }

  lose(): void {
    this.#isLost = true;
    const asked = [...this.asked.splice(0), ...this.arriving.filter((each) => typeof each !== 'string')];
    this.arriving.length = 0;
    for (const pong of asked) pong(false);
  }
}

/** Enough for every generated run. */
const ROUNDS = 50;

type Step = readonly [kind: 'event' | 'answer' | 'arrive', line: 0 | 1, letter: number];

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
  const lines = [new ModelConnection(), new ModelConnection()] as const;
  const [published, passed]: [string[], string[]] = [[], []];
  const pass = (frame: ServerFrame): void => void passed.push(frame.text);
  const process = new HandOver({ from: lines[0], to: lines[1], deliver: pass });
  lines[0].receive = (frame) => process.receivedFrom(frame);
  let result: HandOverResult | undefined;
  lines[1].receive = (frame) => (result === undefined ? process.receivedTo(frame) : pass(frame));
  const running = process.run(rounds).then((each) => (result = each));
  const publish = (letter: number): void => {
    published.push(nameOf(published.length, letter));
    for (const line of lines) line.arriving.push(published.at(-1)!);
  };
  for (const [kind, line, letter] of steps) {
    if (kind === 'event') publish(letter);
    else if (kind === 'answer') lines[line].answer();
    else lines[line].arrive();
    await settled(1);
  }
  while (result === undefined) {
    for (const line of lines) {
      line.answer();
      line.arrive();
      await settled(1);
    }
  }
  await running;
  publish(0);
  for (const line of lines) while (line.arriving.length > 0) line.arrive();
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

  test('11.10 goes on while equal frames leave several offsets possible, and loses and doubles none of them', async () => {
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
    '11.10 connection %i is lost in the middle: the first delivers all that it received',
    async (lost) => {
      for (let lostAfter = 0; lostAfter < 12; lostAfter += 1) {
        const lines = [new ModelConnection(), new ModelConnection()] as const;
        const passed: string[] = [];
        const process = new HandOver({
          from: lines[0],
          to: lines[1],
          deliver: ({ text }) => void passed.push(text),
        });
        lines[0].receive = (frame) => process.receivedFrom(frame);
        lines[1].receive = (frame) => process.receivedTo(frame);
        let ended: HandOverResult | undefined;
        void process.run(ROUNDS).then((each) => (ended = each));
        const received: string[] = [];
        for (let at = 0; at < lostAfter; at += 1) {
          received.push(`e${at}`);
          for (const line of lines) {
            line.arriving.push(`e${at}`);
            if (at % 2 === 1) line.answer();
            while (line.arriving.length > 0) line.arrive();
          }
          await settled(1);
        }
        lines[lost as 0 | 1].lose();
        while (ended === undefined) {
          const line = lines[(1 - lost) as 0 | 1];
          line.answer();
          while (line.arriving.length > 0) line.arrive();
          await settled(1);
        }
        // All but the last answer of the first may be there when the second is lost.
        expect(ended).toBeOneOf(lost === 0 ? ['lost'] : ['lost', 'done']);
        expect(passed).toEqual(received);
      }
    },
  );
});

describe('the offset between two connections', () => {
  /** Letters are frames of the first, capitals frames of the second; `1` and `2` are their pongs. */
  const align = (story: string): StreamAlignment => {
    const alignment = new StreamAlignment();
    for (const sign of story) {
      if (sign === '1') alignment.firstPonged();
      else if (sign === '2') alignment.secondPonged();
      else if (sign === sign.toLowerCase()) alignment.firstReceived(sign);
      else alignment.secondReceived(sign.toLowerCase());
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
  ])('11.10 %s: %s, %i frames behind', (story, state, lag) => {
    const alignment = align(story);
    expect(alignment.isSure ? 'sure' : alignment.isBroken ? 'broken' : 'open').toBe(state);
    expect(alignment.lag).toBe(lag);
  });
});
