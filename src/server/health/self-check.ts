import type { IncomingMessage } from 'node:http';
import type { App } from '../../core/app.ts';
import type { Apps } from '../../core/ports/apps.ts';
import type { Gateway, UpgradeContext } from '../../core/ports/transport.ts';
import { ignore } from '../../core/util/ignore.ts';
import { pathOf } from '../../core/util/http-text.ts';
import { within } from '../../core/util/time.ts';
import { requestedSide, SIDE_HEADER } from '../../cutover/split/side-header.ts';
import { appKeyIn } from '../../transports/client-path.ts';

const TIMEOUT_MS = 1000;

/**
 * True when this server greets a WebSocket client at its own address within a second (SPEC 8.11). The client is a probe: no
 * limit and no count of clients includes it. Without any app there is nothing to be greeted with, and nothing is wrong. Never
 * rejects.
 */
export async function greetsClients(
  { all, isKnown }: Pick<Apps, 'all' | 'isKnown'>,
  url: URL,
): Promise<boolean> {
  const app = all.find(({ enabled }) => enabled) ?? all[0];
  if (app === undefined) return isKnown;
  return within(isGreeted(app, url), TIMEOUT_MS, () => false);
}

async function isGreeted(app: App, url: URL): Promise<boolean> {
  const [{ Probe, ProbeRefused }, { ownSite }] = await Promise.all([
    import('../../cutover/probe/probe.ts'),
    import('../../cutover/probe/sites.ts'),
  ]);
  try {
    const probe = await Probe.open(ownSite(app, url, undefined), { timeoutMs: TIMEOUT_MS, received: ignore });
    await probe.close();
    return true;
  } catch (error) {
    // A disabled app refuses its clients, in a frame: the server accepts WebSockets.
    return !app.enabled && error instanceof ProbeRefused && error.code !== undefined;
  }
}

/** Recognises the probes of `greetsClients` among all upgrades, by a signature that needs the secret of the app. */
export function probeContext(
  apps: Pick<Apps, 'all'>,
  path: string,
  gateway: Gateway,
): (request: IncomingMessage) => UpgradeContext | undefined {
  const forProbes: UpgradeContext = {
    gateway: { opened: (socket, handshake) => gateway.opened(socket, { ...handshake, isProbe: true }) },
  };
  return ({ headers, url }) => {
    const header = headers[SIDE_HEADER];
    if (header === undefined) return undefined;
    const key = appKeyIn(pathOf(url), path);
    const app = apps.all.find(({ credentials }) => credentials.some((each) => each.key === key));
    return app !== undefined && requestedSide(app.credentials, header) === 'wavehall' ? forProbes : undefined;
  };
}
