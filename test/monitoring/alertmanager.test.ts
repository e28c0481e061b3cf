/** An alert on its whole way: a server fails, Prometheus notices, Alertmanager tells Slack and Discord, and again when it is over. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { APP_VARIABLES } from '../support/app.ts';
import { freePort } from '../support/free-port.ts';
import { startServer } from '../support/server.ts';
import { eventually } from '../support/wire.ts';
import { withPrograms } from './programs.ts';
import { startAlertmanager, startPrometheus } from './stack.ts';

const TOKEN = 'a-token-for-tests';
const LIMIT_MS = 60_000;
vi.setConfig({ testTimeout: 3 * LIMIT_MS });

interface Message {
  readonly path: string;
  readonly contentType: string | undefined;
  readonly body: unknown;
}

/** Receives what Alertmanager posts, and answers as Slack and Discord do. */
async function openStandIn() {
  const messages: Message[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
      messages.push({ path: request.url ?? '', contentType: request.headers['content-type'], body });
      if (request.url === '/discord') response.writeHead(204).end();
      else response.end('ok');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, messages, close: () => server.close().closeAllConnections() };
}

const has = (messages: readonly Message[], path: string, text: string): boolean =>
  messages.some((message) => message.path === path && JSON.stringify(message.body).includes(text));

withPrograms('the way of an alert', ['prometheus', 'alertmanager'], () => {
  test('a node that fails reaches Slack and Discord in their form, firing and resolved', async () => {
    const standIn = await openStandIn();
    onTestFinished(standIn.close);
    const port = await freePort();
    const env = { ...APP_VARIABLES, REVERB_SERVER_PORT: `${port}`, WAVEHALL_ADMIN_TOKEN: TOKEN };
    let server = await startServer(env);
    onTestFinished(() => server.close());
    const urls = { slack: `${standIn.url}/slack`, discord: `${standIn.url}/discord` };
    const alertmanager = await startAlertmanager(urls);
    onTestFinished(() => alertmanager.close());
    const prometheus = await startPrometheus([{ port }], {
      token: TOKEN,
      alertmanagerPort: alertmanager.port,
    });
    onTestFinished(() => prometheus.close());
    const isUp = async (value: string) =>
      (await prometheus.query('up{job="wavehall"}'))[0]?.value[1] === value;
    await eventually(() => isUp('1'), 'the node is scraped', LIMIT_MS);
    expect(standIn.messages).toEqual([]);

    server.kill('SIGKILL');
    await server.exited;
    const arrived = (text: string) => () =>
      has(standIn.messages, '/slack', text) && has(standIn.messages, '/discord', text);
    await eventually(arrived('Firing: WavehallNodeDown'), 'both were told', LIMIT_MS);
    server = await startServer(env);
    await eventually(arrived('Resolved: WavehallNodeDown'), 'both were told that it is over', LIMIT_MS);

    const summary = `Wavehall node 127.0.0.1:${port} does not answer`;
    const runbook = 'docs/alerts.md#wavehallnodedown';
    for (const [title, color, state] of [
      ['Firing: WavehallNodeDown', 'danger', 'firing'],
      ['Resolved: WavehallNodeDown', 'good', 'resolved'],
    ] as const) {
      const of = (path: string) =>
        standIn.messages.find(
          (message) => message.path === path && JSON.stringify(message.body).includes(title),
        );
      const text = expect.stringMatching(
        new RegExp(`${summary}.*critical, ${state}[^]*${runbook}`),
      ) as string;
      expect(of('/slack')).toMatchObject({
        contentType: 'application/json',
        body: { channel: '#wavehall', attachments: [{ title, color, text }] },
      });
      expect(of('/discord')).toMatchObject({
        contentType: 'application/json',
        body: { embeds: [{ title, description: text }] },
      });
    }
  });
});
