import { isTabId } from '../client-path.ts';

/** The last part of a path: a request receives by streaming or by a poll, or it sends. */
export type Purpose = 'xhr_streaming' | 'xhr' | 'xhr_send';

export const PURPOSES: readonly Purpose[] = ['xhr_streaming', 'xhr', 'xhr_send'];

/** Parts of a path of the fallback (SPEC 10.3), decoded and not checked. */
export interface AddressParts {
  readonly key: string;
  readonly server: string;
  readonly session: string;
  readonly tab?: string;
}

/** A path of the fallback that is valid. */
export interface Address {
  readonly appKey: string;
  readonly tab: string | undefined;
  /** Names the session on all nodes. A secret of its client: it is not logged. */
  readonly session: string;
}

const SERVER = /^[^./]{1,64}$/;
const SESSION = /^[0-9a-z]{8,64}$/;

/** Checks the parts of a path; `undefined`: one of them is not allowed. */
export function addressIn({ key, server, session, tab }: AddressParts): Address | undefined {
  if (!SERVER.test(server) || !SESSION.test(session)) return undefined;
  if (tab !== undefined && !isTabId(tab)) return undefined;
  return { appKey: key, tab, session: JSON.stringify([key, server, session]) };
}
