import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { signHttp } from '#protocol';
import type { EventPublisher } from '../../admin/routes/events.ts';
import type { AppProvider } from '../../core/ports/apps.ts';

/** Names the publisher in traces and logs, as the library of an app does. */
const USER_AGENT = 'Wavehall admin API';

/**
 * Publishes by a request of this server to itself that no network carries: it is signed, checked, limited and counted as those of
 * apps are. The secret stays in this process.
 */
export const ownPublisher = (
  http: Pick<FastifyInstance, 'inject'>,
  apps: Pick<AppProvider, 'byId'>,
): EventPublisher => ({
  async publish(id, event, address) {
    const app = await apps.byId(id);
    if (app === undefined) return undefined;
    const path = `/apps/${encodeURIComponent(app.id)}/events`;
    const payload = JSON.stringify(event);
    const timestampSeconds = Math.floor(Date.now() / 1000);
    // Equal events in one second have different signatures, so that none is taken for a replay.
    const query = { operator: randomUUID() };
    const signed = signHttp(app.credentials[0], {
      ...{ method: 'POST', path, query, body: payload, timestampSeconds },
    });
    const answer = await http.inject({
      ...{ method: 'POST', url: `${path}?${signed}`, payload, remoteAddress: address },
      headers: { 'content-type': 'application/json', 'user-agent': USER_AGENT },
    });
    const given = answer.headers['x-wavehall-event-id'];
    return {
      status: answer.statusCode,
      text: answer.payload,
      id: typeof given === 'string' ? given : undefined,
    };
  },
});
