import { ClosedConnections } from '../../../src/core/live/inspect/closed-connections.ts';
import { FrameWatch } from '../../../src/core/live/inspect/frame-log.ts';
import { ProcessView } from '../../../src/core/live/inspect/process-view.ts';
import type { ViewQuestion } from '../../../src/core/live/inspect/questions.ts';
import { type ConnectOptions, openCore, settled, type TestCoreOptions } from '../fakes.ts';

export const APP = 'app-id';

/** A core and the view of its process. */
export function openViewed(options: TestCoreOptions = {}) {
  const site = openCore(options);
  site.traffic.closed.isKept = true;
  const frames = new FrameWatch(site.clock.read);
  const view = new ProcessView({
    ...{ scopes: site.hub.scopes, frames, closed: site.traffic.closed },
    buffers: { softBytes: 1000, hardBytes: 10_000 },
  });
  const ask = (about: ViewQuestion['view'], name: string, after?: string) =>
    view.answer({ view: about, app: APP, name, after });
  /** A client on these channels. */
  const on = async (channels: readonly string[], member?: unknown, how: ConnectOptions = {}) => {
    const client = await site.connect(how);
    for (const channel of channels)
      client.subscribe(channel, channel.startsWith('presence-') ? member : undefined);
    await settled();
    return client;
  };
  return { ...site, frames, view, ask, on };
}

/** A process view over things that are no real ones: as many as the test wants. */
export const viewOver = (parts: {
  readonly channels?: Iterable<unknown>;
  readonly connections?: Iterable<unknown>;
}): ProcessView =>
  new ProcessView({
    scopes: {
      connection: () => undefined,
      known: () => undefined,
      channelsOf: () => (parts.channels ?? []) as never,
      connections: () => (parts.connections ?? []) as never,
    },
    frames: new FrameWatch(Date.now),
    closed: new ClosedConnections(),
    buffers: { softBytes: 0, hardBytes: 0 },
  });
