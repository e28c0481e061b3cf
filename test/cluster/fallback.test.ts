/** Sessions of the HTTP fallback on several nodes, behind a load balancer that sends each request to the next node. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { optionsFor, Pusher, subscribeTo } from '../clients/stock-clients.ts';
import { CaseTools, member } from '../conformance/case-tools.ts';
import type { FallbackSocket } from '../support/fallback-socket.ts';
import { APP } from '../support/app.ts';
import { Cluster } from '../support/cluster.ts';
import { http } from '../support/wire-http.ts';
import { eventually, type Wire } from '../support/wire.ts';
import { type RequestBalancer, startRequestBalancer } from '../support/request-balancer.ts';

let cluster: Cluster;
let balancer: RequestBalancer;
beforeAll(async () => {
  cluster = await Cluster.start({ nodes: 2, env: { WAVEHALL_HTTP_FALLBACK_AWAY: '2' } });
  balancer = await startRequestBalancer(() => cluster.nodes.map(({ server }) => server.port));
});
afterAll(async () => {
  await balancer.close();
  await cluster.close();
});

const opened: CaseTools[] = [];
afterEach(async () => {
  for (const site of opened.splice(0)) await site.cleanUp();
});

/** Clients at the load balancer, or at one node. */
function site(transport: 'xhr_streaming' | 'xhr_polling', port = balancer.port): CaseTools {
  const tools = new CaseTools({ ...APP, host: '127.0.0.1', port, prefix: '', transport });
  opened.push(tools);
  return tools;
}

const fallbackOf = (wire: Wire): FallbackSocket => wire.socket as unknown as FallbackSocket;
const connections = async (node: number): Promise<number> =>
  ((await cluster.node(node).get('/connections')).json as { connections: number }).connections;

describe.each(['xhr_streaming', 'xhr_polling'] as const)('over %s', (transport) => {
  test('10.9 requests of one session may reach any node', async () => {
    const tools = site(transport);
    const wires = [await tools.connect(), await tools.connect(), await tools.connect()];
    const channel = tools.name('presence-room');
    for (const [at, wire] of wires.entries())
      await tools.subscribe(wire, channel, { member: member(`${at}`) });
    for (let sent = 0; sent < 50; sent += 1) await tools.publish(`e${sent}`, `${sent} ✓`, channel);
    for (const wire of wires) {
      for (let sent = 0; sent < 50; sent += 1) await wire.next(`e${sent}`);
      expect(fallbackOf(wire).lines.filter((line) => line.startsWith('o'))).toHaveLength(1);
    }
    expect(Math.min(...balancer.counts)).toBeGreaterThan(10);
    // Those of earlier tests leave after the time without a request.
    await eventually(async () => (await connections(0)) === 3, 'three connections', 10_000);
  });

  test('10.9 client events pass in order, once', async () => {
    const tools = site(transport);
    const [sender, receiver] = [await tools.connect(), await tools.connect()];
    const channel = tools.name('private-room');
    for (const wire of [sender, receiver]) await tools.subscribe(wire, channel);
    for (let sent = 0; sent < 30; sent += 1) tools.clientEvent(sender, channel, sent);
    const numbers: unknown[] = [];
    for (let sent = 0; sent < 30; sent += 1) numbers.push((await receiver.next('client-x')).data);
    expect(numbers).toEqual(Array.from({ length: 30 }, (_, at) => at));
  });

  test('10.9 take-over at another node continues without a loss', async () => {
    const tools = site(transport);
    const wire = await tools.connect();
    const channel = tools.name('news');
    await tools.subscribe(wire, channel);
    for (let sent = 0; sent < 20; sent += 1) {
      fallbackOf(wire).receive();
      await tools.publish(`e${sent}`, 'x', channel);
      await wire.next(`e${sent}`);
    }
    expect(wire.ended).toBeUndefined();
    expect(await tools.receivesNothing(wire)).toBeUndefined();
  });

  test('10.9 a refusal, a close and a body that is too large reach the client', async () => {
    const tools = site(transport);
    await tools.refused(await tools.open('/app/nope?protocol=7'), 4001);
    const wire = await tools.connect();
    const other = await tools.connect();
    wire.send('x'.repeat(10_001));
    expect((await wire.closing()).code).toBe(1009);
    fallbackOf(other).sendBody(`["${'x'.repeat(60_010)}"]`);
    expect((await other.closing()).code).toBe(1009);
  });

  test('10.9 a client that leaves is seen by the node of its session', async () => {
    const tools = site(transport);
    const before = await connections(0);
    const wire = await tools.connect();
    for (let at = 0; at < 3; at += 1) fallbackOf(wire).receive();
    await tools.receivesNothing(wire);
    wire.drop();
    await eventually(async () => (await connections(0)) <= before, 'the session has ended', 10_000);
  });
});

test.each(['xhr_streaming', 'xhr_polling'] as const)(
  '10.9 an unmodified pusher-js over %s gets each event once, in order',
  async (transport) => {
    const { host, port } = { host: '127.0.0.1', port: balancer.port };
    const client = new Pusher(APP.key, {
      ...optionsFor({ host, port }),
      ...{ httpHost: host, httpPort: port, enabledTransports: [transport] },
    });
    try {
      const { recorder } = await subscribeTo(client, `orders-${transport}`);
      const socketId = client.connection.socket_id;
      const tools = site(transport);
      for (let sent = 0; sent < 60; sent += 1)
        await tools.publish('e', JSON.stringify({ sent, text: 'x'.repeat(9000) }), `orders-${transport}`);
      await recorder.until(() => recorder.count('e') >= 60, 'all events');
      expect(recorder.all('e').map((data) => (data as { sent: number }).sent)).toEqual(
        Array.from({ length: 60 }, (_, at) => at),
      );
      expect(client.connection.socket_id).toBe(socketId);
    } finally {
      client.disconnect();
    }
  },
);

test('10.9 a large stream is renewed at another node, without a loss', async () => {
  const tools = site('xhr_streaming');
  const wire = await tools.connect();
  const channel = tools.name('news');
  await tools.subscribe(wire, channel);
  const socket = fallbackOf(wire);
  let from = 0;
  const characters = (): number => socket.lines.reduce((sum, line) => sum + line.length + 1, 0);
  wire.socket.on('message', () => {
    if (characters() - from <= 256 * 1024) return;
    from = characters();
    socket.renew();
  });
  for (let sent = 0; sent < 150; sent += 1) await tools.publish(`e${sent}`, 'x'.repeat(9000), channel);
  await wire.next('e149', 20_000);
  const names = wire.texts.flatMap((text) => /"event":"(e\d+)"/.exec(text)?.[1] ?? []);
  expect(names).toEqual(Array.from({ length: 150 }, (_, at) => `e${at}`));
  expect(socket.receivers).toBeGreaterThan(4);
});

test('10.9 a send to a session that no node has is answered with 404', async () => {
  const path = `/pusher/app/${APP.key}/1/nobodyhasit/xhr_send`;
  const answer = await http({ host: '127.0.0.1', port: balancer.port }, { method: 'POST', path, body: '[]' });
  expect(answer.status).toBe(404);
});

test('10.9 when the node of a session is lost, the forwarded response breaks off and the client connects again', async () => {
  const [here, there] = [cluster.node(0), cluster.node(1)];
  const tools = site('xhr_streaming', here.server.port);
  const wire = await tools.connect();
  const path = `${fallbackOf(wire).path}/xhr_streaming?protocol=7`;
  const forwarded = http(there.endpoint, { method: 'POST', path, limitMs: 30_000 });
  const broken = expect(forwarded).rejects.toThrow();
  await wire.closing();
  await here.kill();
  await broken;
  await here.start();
  await here.ready();
  await site('xhr_streaming').connect();
}, 60_000);
