import { ADMIN, type Failure, session } from '../api.ts';
import { type Line, linesIn } from './lines.ts';

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
/** Time that a handshake has. */
const HANDSHAKE_MS = 5000;
/** The server sends at least an empty line every 5 s. */
const SILENCE_MS = 15_000;

export type LinkState = 'connecting' | 'open' | 'away';

export interface LiveFilter {
  readonly app: string;
  readonly channel: string;
  readonly event: string;
  readonly payload: boolean;
}

export interface LiveHandlers {
  onLines(lines: readonly Line[]): void;
  onState(state: LinkState): void;
  onLoggedOut(): void;
}

/** Opens the live socket, and opens it again whenever it ends, until the returned function is called. */
export function watchLive(filter: LiveFilter, handlers: LiveHandlers): () => void {
  let isEnded = false;
  const hasEnded = (): boolean => isEnded;
  let waitMs = FIRST_WAIT_MS;
  let socket: WebSocket | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const open = (): void => {
    handlers.onState('connecting');
    socket = new WebSocket(urlOf(filter));
    const closeAfter = (ms: number): void => {
      clearTimeout(timer);
      timer = setTimeout(() => socket?.close(), ms);
    };
    closeAfter(HANDSHAKE_MS);
    socket.onopen = () => {
      closeAfter(SILENCE_MS);
      handlers.onState('open');
    };
    socket.onmessage = ({ data }) => {
      waitMs = FIRST_WAIT_MS;
      closeAfter(SILENCE_MS);
      const lines = linesIn(String(data));
      if (lines.length > 0) handlers.onLines(lines);
    };
    socket.onclose = () => void again();
  };
  /** A browser does not tell why a handshake was refused, so the session is asked for. */
  const again = async (): Promise<void> => {
    clearTimeout(timer);
    if (hasEnded()) return;
    handlers.onState('away');
    const status = await session().then(
      () => 200,
      (error: unknown) => (error as Failure).status,
    );
    if (hasEnded()) return;
    if (status === 401) return handlers.onLoggedOut();
    timer = setTimeout(open, waitMs);
    waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 2);
  };
  open();
  return () => {
    isEnded = true;
    clearTimeout(timer);
    socket?.close();
  };
}

function urlOf({ payload, ...names }: LiveFilter): string {
  const query = new URLSearchParams(Object.entries(names).filter(([, name]) => name !== ''));
  if (payload) query.set('payload', '1');
  return `${location.origin.replace(/^http/, 'ws')}${ADMIN}/live/socket?${query.toString()}`;
}
