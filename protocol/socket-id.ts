import { DEFAULT_LIMITS } from './limits.ts';

const RANGE = 1_000_000_000;
/** The largest multiple of RANGE below 2^32: draws from there on would favour small numbers. */
const UNBIASED = 4 * RANGE;

function randomPart(): number {
  const draw = new Uint32Array(1);
  let value: number;
  do [value = 0] = crypto.getRandomValues(draw);
  while (value >= UNBIASED);
  return 1 + (value % RANGE);
}

/** 2.4 — two unpredictable integers from 1 to 10^9, joined by a dot. */
export const newSocketId = (): string => `${randomPart()}.${randomPart()}`;

/** 2.4 — the form that server libraries accept; says nothing about whether the socket exists. */
export const isSocketId = (text: string): boolean =>
  text.length <= DEFAULT_LIMITS.socketIdLength && /^\d+\.\d+$/.test(text);
