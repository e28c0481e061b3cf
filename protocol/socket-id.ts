import { DEFAULT_LIMITS } from './limits.ts';

const RANGE = 1_000_000_000;
/** The largest multiple of RANGE below 2^32: draws from there on would favour small numbers. */
const UNBIASED = 4 * RANGE;

/** Drawn many at a time: the generator costs by the call. */
const draws = new Uint32Array(256);
let drawn = draws.length;

function draw(): number {
  if (drawn === draws.length) {
    crypto.getRandomValues(draws);
    drawn = 0;
  }
  return draws[drawn++] ?? UNBIASED;
}

function randomPart(): number {
  let value: number;
  do value = draw();
  while (value >= UNBIASED);
  return 1 + (value % RANGE);
}

/** 2.4 — two unpredictable integers from 1 to 10^9, joined by a dot. */
export const newSocketId = (): string => `${randomPart()}.${randomPart()}`;

/** 2.4 — the form that server libraries accept; says nothing about whether the socket exists. */
export const isSocketId = (text: string): boolean =>
  text.length <= DEFAULT_LIMITS.socketIdLength && /^\d+\.\d+$/.test(text);
