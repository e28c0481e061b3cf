import { parseJson } from '../json/json.ts';

/** 10.1 — the lines of a response; the first character says what a line is. */
export const framing = {
  /** 2048 ignored characters, for proxies that buffer the beginning of a response. */
  prelude: (): string => `${'h'.repeat(2048)}\n`,
  /** Exactly once in a session; with a host name the client sends everything else to that host. */
  open: (hostname?: string): string =>
    hostname === undefined ? 'o\n' : `o${JSON.stringify({ hostname })}\n`,
  message: (frame: string): string => `m${JSON.stringify(frame)}\n`,
  array: (frames: readonly string[]): string => `a${JSON.stringify(frames)}\n`,
  heartbeat: (): string => 'h\n',
  close: (code: number, reason: string): string => `c${JSON.stringify([code, reason])}\n`,
} as const;

/** 10.2 — a body that cannot be taken, with the status and the text to answer. */
export class FramingError extends Error {
  override readonly name = 'FramingError';
  readonly status = 500;
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

/** 10.2 — the frames in the body of a send; an empty list is a heartbeat. */
export function decodeSend(body: string): string[] {
  if (body === '') throw new FramingError('Payload expected.');
  const frames = parseJson(body);
  if (!isTexts(frames)) throw new FramingError('Broken JSON encoding.');
  return frames;
}
