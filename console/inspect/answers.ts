import { useCallback } from 'preact/hooks';
import { read } from '../api.ts';
import { type Polled, usePoll } from '../shell/use-poll.ts';

/** A process of the server or of another node. */
export interface ProcessName {
  readonly node?: string;
  readonly host: string;
  readonly pid: number;
}

export interface ProcessCount extends ProcessName {
  readonly count: number;
}

/** Nodes that did not answer; `null`: the other nodes are not known. */
export type Silent = readonly string[] | null;

export interface FoundNames {
  readonly found: readonly {
    readonly name: string;
    readonly count: number;
    readonly processes: readonly ProcessCount[];
  }[];
  readonly more: boolean;
  readonly isCut: boolean;
  readonly silent: Silent;
}

export interface ConnectionRow {
  readonly socket: string;
  readonly address: string;
  readonly transport: string;
  readonly user?: string;
  readonly channels: number;
  readonly openedAtMs: number;
}

export interface Having {
  readonly processes: readonly ProcessCount[];
  readonly connections: readonly (ConnectionRow & ProcessName)[];
  readonly silent: Silent;
}

export interface KeptEvent {
  readonly offset?: number;
  readonly event: string;
  readonly bytes: number;
  readonly data?: string;
  readonly except?: string;
}

export interface ChannelAnswer extends Having {
  /** Not given with a problem. */
  readonly occupancy?: { readonly subscriptions: number; readonly users: number };
  readonly members?: { readonly total: number; readonly ids: readonly string[] };
  readonly events?: readonly KeptEvent[];
  readonly cached?: KeptEvent & { readonly ttlSeconds: number };
  readonly problem?: string;
}

export interface UserAnswer extends Having {
  readonly isCut: boolean;
}

export interface Frame {
  readonly atMs: number;
  readonly direction: 'in' | 'out';
  readonly event: string;
  readonly bytes: number;
}

export interface OpenConnection extends ConnectionRow {
  readonly secure: boolean;
  readonly seenAtMs: number;
  readonly names: readonly string[];
  readonly waitingBytes: number;
  readonly sentBytes: number;
  readonly isOverRate: boolean;
  readonly isSlowReader: boolean;
  readonly isPinged: boolean;
  readonly limits: Readonly<Record<string, number>>;
  readonly frames: readonly Frame[];
  readonly framesSinceMs: number;
}

export interface ClosedConnection extends ConnectionRow {
  readonly closedAtMs: number;
  readonly code: number;
  readonly cause: string;
  readonly message?: string;
  readonly frames: readonly Frame[];
}

export interface ConnectionAnswer {
  readonly open: OpenConnection | null;
  readonly closed: ClosedConnection | null;
  readonly process?: ProcessName;
  readonly silent: Silent;
}

/** Asks the server again and again. */
export function useAnswer<T>(path: string, everyMs: number, onLoggedOut: () => void): Polled<T> {
  const ask = useCallback(() => read(path) as Promise<T>, [path]);
  return usePoll<T>(ask, everyMs, onLoggedOut);
}
