import { read } from '../api.ts';
import { type Polled, usePoll } from './use-poll.ts';

const RETRY_MS = 3000;

/** Ids of the apps of the server, asked for until they are known. */
export const useAppIds = (onLoggedOut: () => void): Polled<readonly string[]> =>
  usePoll(ask, RETRY_MS, onLoggedOut);

const ask = async (known: readonly string[] | undefined): Promise<readonly string[]> =>
  known ?? ((await read('/apps')) as { apps: { id: string }[] }).apps.map(({ id }) => id);
