import { read } from '../api.ts';
import { askedUntilKnown } from './use-poll.ts';

/** Ids of the apps of the server. */
export const useAppIds = askedUntilKnown<readonly string[]>(async () =>
  ((await read('/apps')) as { apps: { id: string }[] }).apps.map(({ id }) => id),
);
