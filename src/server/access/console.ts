import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { LoginAttempts } from '../../admin/console/login-attempts.ts';
import type { ConsoleOptions } from '../../admin/console/options.ts';
import { Sessions } from '../../admin/console/sessions.ts';
import type { Config } from '../../config/index.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { Refusals } from '../../core/refusals/refusals.ts';
import { PeerReader } from '../../transports/peer.ts';
import type { WorkerGroup } from '../worker-group.ts';
import { SharedAttempts } from './console-attempts.ts';
import { SharedSessions } from './console-sessions.ts';

/** The console of a server, before it is known whether there are workers. */
export interface ConsoleSource {
  /** Resolves once the sessions of other workers are known. */
  open(workers: WorkerGroup | undefined): Promise<ConsoleOptions>;
}

/** Makes what the console needs (SPEC 17); `undefined` when it is off. */
export function consoleSource(
  { console: mode, trustedProxies }: Pick<Config, 'console' | 'trustedProxies'>,
  refusals: Pick<Refusals, 'count'>,
  logger: Pick<Logger, 'warn'>,
): ConsoleSource | undefined {
  if (mode === 'off') return undefined;
  const peers = new PeerReader(trustedProxies);
  const client: ConsoleOptions['client'] = (request) => {
    const { remoteAddress: address, secure: isSecure } = peers.read(request);
    return { address, isSecure, isProxied: peers.isProxy(request) };
  };
  const open = async (workers: WorkerGroup | undefined): Promise<ConsoleOptions> => {
    const sessions = new SharedSessions(new Sessions(), workers);
    await sessions.learn();
    const attempts = new SharedAttempts(new LoginAttempts(), workers);
    return { mode, refusals, logger, client, folder: pageFolder(), sessions, attempts };
  };
  return { open };
}

/** Folder of the built page, for the built server and for one that runs from its sources. */
function pageFolder(): string {
  const folders = ['../../../console/', '../../../dist/console/'].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  return (
    folders.find((folder) => existsSync(`${folder}index.html`) && existsSync(`${folder}assets`)) ??
    folders[0] ??
    ''
  );
}
