import { read } from '../api.ts';
import { askedUntilKnown } from './use-poll.ts';

/** Names of the parts of the server that are on. */
export const useParts = askedUntilKnown<ReadonlySet<string>>(
  async () => new Set(((await read('/parts')) as { parts: string[] }).parts),
);
