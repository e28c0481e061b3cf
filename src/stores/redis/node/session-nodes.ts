import { createHash, randomBytes } from 'node:crypto';
import type { SessionNodes } from '../../../core/ports/nodes/session-nodes.ts';
import { ignore } from '../../../core/util/ignore.ts';
import type { InvalidData } from '../health/invalid-data.ts';
import type { Keys } from '../keys.ts';
import { orUnavailable } from '../link/errors.ts';
import type { Links } from '../link/links.ts';

/** Time after which an entry is gone that its node does not renew. */
const ENTRY_MS = 60_000;
const RENEW_MS = 20_000;
const CHECK_MS = 1000;
/** Bytes of one message: the largest body that a setting allows. */
const LONGEST_MESSAGE_BYTES = 128 * 1024 * 1024;
const NAME = /^[\w-]{16}$/;

interface RedisSessionNodesDeps {
  readonly links: Links;
  readonly keys: Keys;
  readonly invalidData: InvalidData;
}

/** One entry in Redis for each session, with the name of its node, and a pub/sub channel for each node. */
export class RedisSessionNodes implements SessionNodes {
  readonly name = randomBytes(12).toString('base64url');
  readonly #links: Links;
  readonly #keys: Keys;
  readonly #channel: string;
  /** Keys of the sessions of this node, with the time at which each was renewed last. */
  readonly #renewedAtMs = new Map<string, number>();
  #receive: (message: string) => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor({ links, keys, invalidData }: RedisSessionNodesDeps) {
    this.#links = links;
    this.#keys = keys;
    this.#channel = keys.sessionNode(this.name);
    links.subscriber.events.on('message', (channel, bytes) => {
      if (channel !== this.#channel) return;
      if (bytes.length > LONGEST_MESSAGE_BYTES) invalidData.addMessage(channel);
      else this.#receive(bytes.toString());
    });
    links.subscriber.events.on('up', () => void this.#listen());
  }

  /** Called when the connections are up. */
  async start(): Promise<void> {
    this.#timer = setInterval(() => this.#renewDue(performance.now()), CHECK_MS);
    await this.#listen();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const key of this.#renewedAtMs.keys()) this.#remove(key);
  }

  onMessage(receive: (message: string) => void): void {
    this.#receive = receive;
  }

  send(node: string, message: string): void {
    if (NAME.test(node)) this.#links.publish(this.#keys.sessionNode(node), message).then(ignore, ignore);
  }

  async claim(session: string): Promise<string> {
    const key = this.#keyOf(session);
    const { commands } = this.#links;
    const claimed = await orUnavailable(commands.set(key, this.name, 'PX', ENTRY_MS, 'NX'));
    const holder = claimed === 'OK' ? this.name : await this.#read(key);
    // An entry that expired between both commands, or that another program wrote, is nobody's.
    if (holder !== undefined && holder !== this.name) return holder;
    this.#renewedAtMs.set(key, performance.now());
    return this.name;
  }

  holderOf(session: string): Promise<string | undefined> {
    return this.#read(this.#keyOf(session));
  }

  release(session: string): void {
    this.#remove(this.#keyOf(session));
  }

  async #listen(): Promise<void> {
    if (this.#timer !== undefined)
      await this.#links.subscriber.subscribe([this.#channel]).then(ignore, ignore);
  }

  async #read(key: string): Promise<string | undefined> {
    const holder = await orUnavailable(this.#links.commands.get(key));
    return holder !== null && NAME.test(holder) ? holder : undefined;
  }

  /** The name of a session is a secret of its client: Redis has its digest. */
  #keyOf(session: string): string {
    return this.#keys.session(createHash('sha256').update(session).digest('base64url'));
  }

  #renewDue(nowMs: number): void {
    if (!this.#links.isUp) return;
    for (const [key, renewedAtMs] of this.#renewedAtMs)
      if (nowMs - renewedAtMs >= RENEW_MS) void this.#renew(key, nowMs);
  }

  async #renew(key: string, nowMs: number): Promise<void> {
    this.#renewedAtMs.set(key, nowMs);
    await this.#links.commands.set(key, this.name, 'PX', ENTRY_MS).then(ignore, ignore);
  }

  /** An entry that may have expired is left alone: another node may have it now. */
  #remove(key: string): void {
    const renewedAtMs = this.#renewedAtMs.get(key);
    this.#renewedAtMs.delete(key);
    if (renewedAtMs === undefined || performance.now() - renewedAtMs >= ENTRY_MS / 2) return;
    this.#links.commands.del(key).then(ignore, ignore);
  }
}
