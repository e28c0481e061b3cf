import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeSend, framing, FramingError } from '#protocol';
import vectors from '../../protocol/vectors/framing.json' with { type: 'json' };

const lines = framing as unknown as Record<string, (...args: unknown[]) => string>;

test.each(vectors.lines)('$rule $title', ({ call, args, line }) => {
  expect(lines[call]?.(...args)).toBe(line);
});

test.each(vectors.bodies)('$rule a body: $title', ({ body, frames }) => {
  expect(decodeSend(body)).toEqual(frames);
});

test.each(vectors.refused)('$rule refused: $title', ({ body, status, text }) => {
  try {
    expect(decodeSend(body)).toBe('refused');
  } catch (error) {
    expect(error).toBeInstanceOf(FramingError);
    expect(error).toMatchObject({ status, message: text });
  }
});

test('10.1 frames are the same after a line is decoded, and a line has no line break', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' })), (frames) => {
      const line = framing.array(frames);
      expect(line.indexOf('\n')).toBe(line.length - 1);
      expect(JSON.parse(line.slice(1))).toEqual(frames);
    }),
  );
});

test('10.2 decodes what a client encodes', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' })), (frames) => {
      expect(decodeSend(JSON.stringify(frames))).toEqual(frames);
    }),
  );
});
