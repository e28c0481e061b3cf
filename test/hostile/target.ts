import { readdirSync, readFileSync } from 'node:fs';
import { type Endpoint, publisher } from '../support/wire-http.ts';

/** The server under attack. With `pid` (on the same machine) its files and memory are measured too. */
export interface Target extends Endpoint {
  readonly pid?: number | undefined;
  /** True for another server than Wavehall, which may accept clients that Wavehall refuses. */
  readonly isOtherServer?: boolean;
  /** Reads the memory after a full garbage collection, if the server supports that. */
  readonly retainedMb?: (() => Promise<number>) | undefined;
}

/** Number of open files of the process; `undefined` if it cannot be read. */
export function filesOf({ pid }: Target): number | undefined {
  try {
    return pid === undefined ? undefined : readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return undefined;
  }
}

/** Resident memory of the process, in MiB. */
export function rssMbOf({ pid }: Target): number | undefined {
  try {
    const kib = pid === undefined ? undefined : /VmRSS:\s+(\d+)/.exec(statusOf(pid))?.[1];
    return kib === undefined ? undefined : Math.round(Number(kib) / 1024);
  } catch {
    return undefined;
  }
}

const statusOf = (pid: number): string => readFileSync(`/proc/${pid}/status`, 'utf8');

/** Reads the number of connections and the occupied channels of the app. */
export async function occupancyOf(target: Target): Promise<{ connections: number; channels: string[] }> {
  const api = publisher(target);
  const [connections, channels] = await Promise.all([api.get('/connections'), api.get('/channels')]);
  if (connections.status !== 200 || channels.status !== 200)
    throw new Error(`the API answers ${connections.status} and ${channels.status}`);
  return {
    connections: (connections.json as { connections: number }).connections,
    channels: Object.keys((channels.json as { channels: object }).channels),
  };
}
