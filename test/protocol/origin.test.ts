import { expect, test } from 'vitest';
import { originAllowed } from '../../src/core/client/origin.ts';
import vectors from '../../protocol/vectors/origins.json' with { type: 'json' };

test.each(vectors.origins)('$rule $origin with $allowed allowed: $allows', ({ allowed, origin, allows }) => {
  expect(originAllowed(allowed, origin ?? undefined)).toBe(allows);
});
