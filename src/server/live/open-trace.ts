import { randomInt } from 'node:crypto';
import { hostname } from 'node:os';
import { Trace } from '../../core/trace/trace.ts';

const LETTERS = '0123456789abcdefghijklmnopqrstuvwxyz';
const NAME_LENGTH = 8;

/** Opens the trace of this process (SPEC 16). `bytes`: of all that it keeps; 0: nothing. */
export function openTrace(bytes: number, clock: () => number): Trace {
  const process = Array.from({ length: NAME_LENGTH }, () => LETTERS[randomInt(LETTERS.length)]).join('');
  return new Trace({ bytes, process, label: `${hostname()}/${globalThis.process.pid}`, clock });
}
