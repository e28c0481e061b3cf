/** The servers of a scenario about access: one alone, and one over a Redis of its own. */
import { http } from '../../../support/wire-http.ts';
import type { Bench } from '../../bench.ts';
import { type Contestant, startWavehall } from '../../contestants.ts';
import { type MeasuredRedis, startMeasuredRedis } from '../measured-redis.ts';

export interface AccessServer {
  readonly contestant: Contestant;
  readonly redis: MeasuredRedis | undefined;
}

const TOKEN = 'a-token-for-the-benchmark';

/** Starts a server in memory, named `Wavehall`, and one that is named `over Redis`. */
export async function withBoth<T>(
  bench: Bench,
  variables: Readonly<Record<string, string>>,
  task: (servers: readonly AccessServer[]) => Promise<T>,
): Promise<T> {
  return withServer(bench, variables, (alone) =>
    withRedis(bench, (redis) =>
      withServer(bench, { ...variables, ...redis.variables }, (contestant) =>
        task([
          { contestant: alone, redis: undefined },
          { contestant: { ...contestant, name: 'over Redis', role: 'other' }, redis },
        ]),
      ),
    ),
  );
}

export async function withServer<T>(
  { setting: { pinning } }: Bench,
  variables: Readonly<Record<string, string>>,
  task: (server: Contestant) => Promise<T>,
): Promise<T> {
  const server = await startWavehall({
    core: pinning.server,
    variables: { ...variables, WAVEHALL_ADMIN_TOKEN: TOKEN },
  });
  try {
    return await task(server);
  } finally {
    await server.close();
  }
}

async function withRedis<T>(
  { setting: { pinning } }: Bench,
  task: (redis: MeasuredRedis) => Promise<T>,
): Promise<T> {
  const redis = await startMeasuredRedis(pinning.server);
  try {
    return await task(redis);
  } finally {
    await redis.close();
  }
}

/** Reads the values of a metric of a server, by the value of its one label. */
export async function valuesOf({ endpoint }: Contestant, name: string): Promise<Map<string, number>> {
  const headers = { authorization: `Bearer ${TOKEN}` };
  const { text } = await http(endpoint, { method: 'GET', path: '/admin/metrics', headers });
  const series = text.matchAll(new RegExp(`^${name}\\{[^=]+="([^"]*)"\\} (\\S+)$`, 'gm'));
  return new Map([...series].map(([, label = '', value]) => [label, Number(value)]));
}
