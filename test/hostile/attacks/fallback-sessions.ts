import { Agent } from 'node:http';
import { http } from '../../support/wire-http.ts';
import type { SeededRandom } from '../../support/seeded-random.ts';
import type { Attack } from '../attack.ts';
import { range } from '../hostile-client.ts';
import type { Target } from '../target.ts';

const PINGS = JSON.stringify(Array<string>(1500).fill('{"event":"pusher:ping"}'));
const BODIES: readonly (string | Buffer)[] = [
  PINGS,
  '[]',
  '',
  '[',
  '{"a":',
  JSON.stringify(Array<string>(15_000).fill('')),
  `["${'x'.repeat(70_000)}"]`,
  `["${'\\u0061'.repeat(9999)}"]`,
  Buffer.from([0x5b, 0x22, 0xf0, 0x9f, 0x22, 0x5d]),
  '["\\ud83d","\\ude00"]',
];
const PATHS = ['xhr', 'xhr_streaming', 'xhr_send', 'jsonp', '..%2fxhr', '%00', 'xhr_send/x'];

/** `clients` open sessions of the HTTP fallback without ever receiving, and send to their own, to each other's and to none. */
export const fallbackSessions = (clients: number, seconds: number): Attack => ({
  name: `${clients} clients that open sessions over HTTP and receive nothing`,
  async run(target, random) {
    const agent = new Agent({ keepAlive: true, maxSockets: clients });
    const until = Date.now() + seconds * 1000;
    await Promise.all(range(clients).map((client) => act(target, random, agent, client, until)));
    agent.destroy();
    return undefined;
  },
});

async function act(
  target: Target,
  random: SeededRandom,
  agent: Agent,
  client: number,
  until: number,
): Promise<void> {
  const post = (path: string, body: string | Buffer = ''): Promise<unknown> =>
    http(target, { method: 'POST', path, body, agent, limitMs: 2000 }).catch(() => undefined);
  const sessionOf = (who: number, number: number): string =>
    `${target.prefix}/pusher/app/${target.key}/${who}/session${String(number).padStart(6, '0')}`;
  for (let opened = 0; Date.now() < until; opened += 1) {
    const session = sessionOf(client, opened);
    await post(`${session}/xhr?protocol=7`);
    for (const body of BODIES) await post(`${session}/xhr_send`, body);
    await post(`${sessionOf(client + 1, Math.max(0, opened - 1))}/xhr_send`, PINGS);
    await post(`${session}/${PATHS[random.below(PATHS.length)]}`, BODIES[random.below(BODIES.length)]);
  }
}
