import { randomBytes } from 'node:crypto';
import type { NumberedMessage } from './numbered-message.ts';

/** Own messages whose time of sending is remembered. */
const MOST_REMEMBERED = 60;

/**
 * Numbers of this node's own messages. A number is used again until Redis has confirmed it, so when a higher one is sent, Redis
 * has accepted all below it: a gap is a loss, and never a message that was not sent.
 */
export class OwnNumbers {
  #name = newName();
  #scope: string | undefined;
  #number: number;
  #attempt = 0;
  /** When each attempt that has not come back was sent. */
  readonly #sentMs = new Map<string, number>();

  constructor(first = 1) {
    this.#number = first;
  }

  /** Name of this node. It changes when the installation does, and when the numbers are used up. */
  get name(): string {
    return this.#name;
  }

  /** Makes the next message to send. */
  next(scope: string, nowMs: number): NumberedMessage {
    if (scope !== (this.#scope ??= scope) || !Number.isSafeInteger(this.#number)) this.#beginAnew(scope);
    this.#attempt += 1;
    const [from, number, attempt] = [this.#name, this.#number, this.#attempt];
    this.#sentMs.set(`${number} ${attempt}`, nowMs);
    if (this.#sentMs.size > MOST_REMEMBERED) this.#sentMs.delete([...this.#sentMs.keys()][0] ?? '');
    return { from, scope, number, attempt, sentMs: Math.floor(nowMs) };
  }

  /** Called when Redis has confirmed a message. */
  confirm({ from, number }: NumberedMessage): void {
    if (from !== this.#name || number !== this.#number) return;
    this.#number += 1;
    this.#attempt = 0;
  }

  /** Milliseconds since this message was sent; `undefined` when it has come back before, or is not from here. */
  lagMs({ from, number, attempt }: NumberedMessage, nowMs: number): number | undefined {
    const attemptKey = `${number} ${attempt}`;
    const sentMs = this.#sentMs.get(attemptKey);
    if (from !== this.#name || sentMs === undefined) return undefined;
    this.#sentMs.delete(attemptKey);
    return nowMs - sentMs;
  }

  #beginAnew(scope: string): void {
    this.#name = newName();
    this.#scope = scope;
    this.#number = 1;
    this.#attempt = 0;
    this.#sentMs.clear();
  }
}

const newName = (): string => randomBytes(9).toString('base64url');
