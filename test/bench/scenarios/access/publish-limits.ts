/** Cost of a publish with a limit of requests per second, and with an idempotency key, beside one with neither. */
import { randomUUID } from 'node:crypto';
import { APP } from '../../../support/app.ts';
import type { Endpoint } from '../../../support/wire-http.ts';
import type { Scenario } from '../../bench.ts';
import { besideServers } from '../crowd.ts';
import { HttpConnection } from './closed-loop.ts';
import { publish } from './requests.ts';
import { type AccessServer, valuesOf, withBoth } from './servers.ts';
import { measureWays, type Way } from './ways.ts';

/** Far above what a server can answer: no request is refused. */
const LIMIT = 1_000_000;
const LIMITED_APP = { id: 'limited-id', key: 'limited-key', secret: 'limited-secret' };
/** Prepared requests, each with other data. */
const POOL = 64;
const KEY = 'Idempotency-Key: ';

/** Two apps of one server: two processes of one program may differ by more than a limit costs. */
const variables = {
  WAVEHALL_APPS: JSON.stringify(
    [{ ...APP }, { ...LIMITED_APP, max_requests_per_second: LIMIT }].map(({ id: app_id, ...app }) => ({
      app_id,
      ...app,
    })),
  ),
};

export const publishLimits: Scenario = {
  name: 'publish-limits',
  title: 'CPU of the server for a publish with a limit, and with an idempotency key',
  run: (bench) =>
    besideServers(bench, () =>
      withBoth(bench, variables, async (servers) => {
        for (const server of servers) await expectEffects(server);
        return measureWays(bench, publishLimits.name, servers.flatMap(waysOf));
      }),
    ),
};

const limitedAt = (endpoint: Endpoint): Endpoint => ({ ...endpoint, ...LIMITED_APP });

function waysOf(server: AccessServer): Way[] {
  const { endpoint } = server.contestant;
  const way = (
    figure: string,
    of: Endpoint,
    headers: () => readonly string[],
    beside: Way['beside'],
  ): Way => ({
    ...{ figure: `POST events, ${figure}`, ...server, sockets: 0, beside },
    prepare: () => {
      const requests = Array.from({ length: POOL }, () => publish(of));
      let at = 0;
      return () => withHeaders(requests[(at += 1) % POOL] ?? '', headers());
    },
  });
  const neither = way('neither', endpoint, () => [], []);
  const beside = [['neither', neither]] as const;
  return [
    neither,
    way('with a limit', limitedAt(endpoint), () => [], beside),
    way('with a key', endpoint, () => [KEY + randomUUID()], beside),
  ];
}

/** Adds header lines, which are not signed, in front of the others. */
function withHeaders(request: string, headers: readonly string[]): string {
  const at = request.indexOf('\r\n') + 2;
  return request.slice(0, at) + headers.map((line) => `${line}\r\n`).join('') + request.slice(at);
}

/** Rejects if the limit or the key has no effect: then nothing would be measured. */
async function expectEffects({ contestant }: AccessServer): Promise<void> {
  const connection = await HttpConnection.open(contestant.endpoint);
  const { text } = await connection.ask(publish(limitedAt(contestant.endpoint)));
  if (!/\r\nx-ratelimit-remaining: \d/i.test(text)) throw new Error('the limit has no effect');
  const keyed = withHeaders(publish(contestant.endpoint), [KEY + randomUUID()]);
  for (let each = 0; each < 2; each += 1) await connection.ask(keyed);
  connection.close();
  const repeats = await valuesOf(contestant, 'wavehall_repeated_publishes_total');
  if (repeats.get(APP.id) !== 1) throw new Error('the idempotency key has no effect');
}
