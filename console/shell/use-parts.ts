import { read } from '../api.ts';
import { type Polled, usePoll } from './use-poll.ts';

const RETRY_MS = 3000;

/** Names of the parts of the server that are on, asked for until they are known. */
export const useParts = (onLoggedOut: () => void): Polled<ReadonlySet<string>> =>
  usePoll(ask, RETRY_MS, onLoggedOut);

const ask = async (known: ReadonlySet<string> | undefined): Promise<ReadonlySet<string>> =>
  known ?? new Set(((await read('/parts')) as { parts: string[] }).parts);
