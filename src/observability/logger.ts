import { styleText } from 'node:util';
import { pino } from 'pino';
import type { Logger } from '../core/ports/logger.ts';
import { plain, presentable } from './redact.ts';

const COLUMN = 62;

export interface LoggerOptions {
  readonly debugging: boolean;
  /** Write Reverb's two columns for a person, in place of JSON lines. */
  readonly forTerminal: boolean;
  /** Number of this worker, shown with each line. */
  readonly worker?: number | undefined;
  readonly write: (text: string) => void;
}

/** Opens the log: warnings and errors, and with `debugging` every message. */
export function openLogger(options: LoggerOptions): Logger {
  return options.forTerminal ? terminalLogger(options) : jsonLogger(options);
}

function jsonLogger({ debugging, worker, write }: LoggerOptions): Logger {
  const log = pino(
    { level: debugging ? 'debug' : 'info', base: worker === undefined ? null : { worker } },
    { write },
  );
  return {
    debugging,
    debug: (title, subject, message) => {
      if (debugging) log.debug({ subject: plain(subject), message: message && presentable(message) }, title);
    },
    warn: (message, details) => log.warn(details && plainDetails(details), message),
    error: (message, error) => log.error({ error: stackOf(error) }, message),
  };
}

function terminalLogger({ debugging, worker, write }: LoggerOptions): Logger {
  const prefix = worker === undefined ? '' : `[${worker}] `;
  return {
    debugging,
    debug: (title, subject, message) => {
      if (!debugging) return;
      const name = plain(subject);
      const dots = '.'.repeat(Math.max(2, COLUMN - title.length - name.length));
      write(`  ${prefix}${title} ${styleText('gray', dots)} ${name}\n`);
      if (message !== undefined) write(`    ${styleText('gray', presentable(message))}\n`);
    },
    warn: (message, details) =>
      write(
        `  ${styleText('yellow', 'WARN')} ${prefix}${message} ${JSON.stringify(plainDetails(details ?? {}))}\n`,
      ),
    error: (message, error) =>
      write(`  ${styleText('red', 'ERROR')} ${prefix}${message}\n    ${stackOf(error)}\n`),
  };
}

/** Details without control characters: they may contain text of a client. */
const plainDetails = (details: object): object =>
  Object.fromEntries(
    Object.entries(details).map(([name, value]) => [name, typeof value === 'string' ? plain(value) : value]),
  );

const stackOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);
