import { readFile, rm, stat } from 'node:fs/promises';
import type { Logger } from '../../../core/ports/logger.ts';
import { replaceFile } from '../replace-file.ts';
import type { MemoryOutbox, SavedOutbox } from './outbox.ts';
import { decodeSaved, encodeSaved } from './saved-lines.ts';

export interface OutboxFileOptions {
  /** Relative to the folder in which the server is started. */
  readonly path: string;
  readonly maxBytes: number;
}

const PATH = 'WAVEHALL_WEBHOOK_STATE_FILE';
const BYTES = 'WAVEHALL_WEBHOOK_STATE_BYTES';
const OWNER_ONLY = 0o600;

/**
 * File that carries the outbox of a single node over a restart. It exists only while no server runs: it is removed when it is read,
 * so that a crash does not send all of it again. Never rejects: what fails is logged, in one line.
 */
export class OutboxFile {
  readonly #options: OutboxFileOptions;
  readonly #logger: Pick<Logger, 'warn'>;

  constructor(options: OutboxFileOptions, logger: Pick<Logger, 'warn'>) {
    this.#options = options;
    this.#logger = logger;
  }

  /** Puts the content of the file into the outbox, if there is such a file, and removes it. */
  async load(outbox: MemoryOutbox): Promise<void> {
    const { path } = this.#options;
    try {
      const text = await this.#read();
      if (text === undefined) return;
      const decoded = decodeSaved(text);
      if (decoded === undefined) throw new Error('this is no file of webhooks');
      outbox.load(decoded.saved);
      if (decoded.unreadable > 0)
        this.#logger.warn(`${PATH}=${path}: lines that could not be read were left out`, {
          lines: decoded.unreadable,
        });
    } catch (error) {
      this.#logger.warn(
        `${PATH}=${path} could not be read, so the webhooks in it are not sent: ${(error as Error).message}`,
      );
      return;
    }
    await this.#remove();
  }

  /** Replaces the file by what the outbox has, if it has anything. Call it when the outbox is stopped. */
  async save(outbox: MemoryOutbox): Promise<void> {
    const saved = outbox.save();
    const things = countOf(saved);
    if (things === 0) return;
    const { path, maxBytes } = this.#options;
    const { text, dropped } = encodeSaved(saved, maxBytes);
    try {
      await replaceFile(path, text, OWNER_ONLY);
      if (dropped > 0)
        this.#logger.warn(
          `${BYTES}=${maxBytes} has no room for all webhooks that wait: the oldest are lost`,
          {
            lost: dropped,
          },
        );
    } catch (error) {
      this.#logger.warn(
        `${PATH}=${path} could not be written, so the webhooks that wait are lost: ${(error as Error).message}`,
        { lost: things },
      );
    }
  }

  /** `undefined`: there is no file. */
  async #read(): Promise<string | undefined> {
    const { path, maxBytes } = this.#options;
    const found = await stat(path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    });
    if (found === undefined) return undefined;
    if (!found.isFile()) throw new Error('this is no file');
    if (found.size > maxBytes)
      throw new Error(`${BYTES}="${maxBytes}": expected at least ${found.size}, its size`);
    return readFile(path, 'utf8');
  }

  async #remove(): Promise<void> {
    const { path } = this.#options;
    try {
      await rm(path);
    } catch (error) {
      this.#logger.warn(
        `${PATH}=${path} could not be removed, so the next start sends its webhooks again: ${(error as Error).message}`,
      );
    }
  }
}

const countOf = ({ events, waiting, dead }: SavedOutbox): number =>
  events.length + waiting.length + dead.length;
