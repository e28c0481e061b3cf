import { readFileSync } from 'node:fs';
import { request as requestTls } from 'node:https';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../cli/command.ts';
import { APP, APP_ENV } from '../conformance/settings.ts';
import { RawHttp, requestText } from '../support/raw-http.ts';
import { startServer } from '../support/server.ts';
import { signedPath } from '../support/wire-http.ts';
import { makeCertificate } from '../transports/certificate.ts';
import { attackedServer, range } from './attacked-server.ts';
import { sleep } from '../../src/core/util/time.ts';

const target = attackedServer();
const BASE = `/apps/${APP.id}`;
/** Header lines that Java's HttpClient sends with each request. */
const OFFER = ['Connection: Upgrade, HTTP2-Settings', 'HTTP2-Settings: AAEAAEAAAAIAAAAB', 'Upgrade: h2c'];

const opened: RawHttp[] = [];
const open = async (): Promise<RawHttp> => {
  const connection = await RawHttp.open(target.tools.app);
  opened.push(connection);
  return connection;
};
afterEach(() => opened.splice(0).forEach((each) => each.destroy()));

const event = (name: string, data = 'd') => JSON.stringify({ name, data, channel: 'orders' });
const publish = (body: string, headers: readonly string[] = OFFER): Buffer =>
  requestText(`POST ${signedPath(target.tools.app, 'POST', `${BASE}/events`, [], body)}`, headers, body);
const up = (headers: readonly string[] = OFFER) => requestText('GET /up', headers);

describe('an offer of another protocol than WebSocket is ignored', () => {
  test('2.1 serves a request that offers h2c', async () => {
    const wire = await target.tools.subscriber('orders');
    const connection = await open();
    connection.write(publish(event('shipped')));
    expect(await connection.answer()).toMatchObject({
      status: 200,
      body: '{}',
      headers: { connection: 'keep-alive' },
    });
    expect((await wire.settle()).map((frame) => frame.event)).toEqual(['shipped']);
  });

  test.each(['h2c', 'H2C', 'TLS/1.0, HTTP/1.1', 'foo', 'websocket, h2c', 'websockets'])(
    '2.1 serves a request that offers %s',
    async (offer) => {
      const connection = await open();
      connection.write(publish(event('shipped'), ['Connection: Upgrade', `Upgrade: ${offer}`]));
      expect(await connection.answer()).toMatchObject({ status: 200, body: '{}' });
    },
  );

  test('2.1 reads the body in pieces, as chunks, and after 100 Continue', async () => {
    const wire = await target.tools.subscriber('orders');
    const connection = await open();
    const body = event('shipped', 'x'.repeat(5_000));
    const whole = publish(body);
    for (const at of [0, 1_000, 2_000, 3_000]) {
      connection.write(whole.subarray(at, at === 3_000 ? undefined : at + 1_000));
      await sleep(20);
    }
    expect((await connection.answer())?.status).toBe(200);

    const head = (...headers: string[]) =>
      requestText(`POST ${signedPath(target.tools.app, 'POST', `${BASE}/events`, [], body)}`, [
        ...OFFER,
        ...headers,
      ]);
    connection.write(head('Transfer-Encoding: chunked'));
    connection.write(`${body.length.toString(16)}\r\n${body}\r\n0\r\nX-Trailer: y\r\n\r\n`);
    expect((await connection.answer())?.status).toBe(200);

    connection.write(head(`Content-Length: ${body.length}`, 'Expect: 100-continue'));
    expect((await connection.answer())?.status).toBe(100);
    connection.write(body);
    expect((await connection.answer())?.status).toBe(200);
    expect((await wire.settle()).length).toBe(3);
  });

  test('2.1 answers requests with and without an offer in order', async () => {
    const connection = await open();
    const list = requestText(`GET ${signedPath(target.tools.app, 'GET', `${BASE}/channels`)}`);
    const live = requestText('GET /live');
    connection.write(Buffer.concat([list, live, up(), publish(event('e')), list, up(), live]));
    const bodies = (await connection.answers(7)).map((answer) => answer?.body);
    const [channels, health, lives] = ['{"channels":{}}', '{"health":"OK"}', '{"live":true}'];
    expect(bodies).toEqual([channels, lives, health, '{}', channels, health, lives]);
  });

  test('2.1 serves a thousand such requests on one connection without a leak', async () => {
    const connection = await open();
    for (let round = 0; round < 100; round += 1) {
      connection.write(Buffer.concat(range(10).map(() => up())));
      for (const answer of await connection.answers(10)) expect(answer?.body).toBe('{"health":"OK"}');
    }
    expect(target.server.output()).not.toMatch(/warning/i);
  });

  test('2.1 closes the connection after the answer for Connection: close, and keeps it for keep-alive', async () => {
    const connection = await open();
    connection.write(up(['Connection: keep-alive, Upgrade', 'Upgrade: h2c']));
    expect((await connection.answer())?.headers).toMatchObject({ connection: 'keep-alive' });
    connection.write(up(['Connection: Upgrade, close', 'Upgrade: h2c']));
    expect((await connection.answer())?.headers).toMatchObject({ connection: 'close' });
    expect(await connection.end()).toBe('');
  });

  test('2.1 ignores it in HTTP/1.0 too, and closes the connection', async () => {
    const connection = await open();
    connection.write('GET /up HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
    expect((await connection.answer())?.status).toBe(200);
    expect(await connection.end()).toBe('');
  });

  test('8.12 applies the limits of every request', async () => {
    const connection = await open();
    connection.write(
      requestText(`POST ${BASE}/events`, [...OFFER, 'Content-Length: 131073'], 'x'.repeat(131_073)),
    );
    expect((await connection.answer())?.status).toBe(413);
  });

  test('2.1 survives clients that disconnect in the middle of such a request', async () => {
    for (const bytes of [publish(event('e')), Buffer.concat([up(), publish(event('e'))])]) {
      for (const length of [20, bytes.length - 5, bytes.length]) {
        const connection = await open();
        connection.write(bytes.subarray(0, length));
        connection.socket.resetAndDestroy();
      }
    }
    const connection = await open();
    connection.write(up());
    expect((await connection.answer())?.status).toBe(200);
  });

  test('2.1 answers GET of the WebSocket path with 426 and keeps the connection', async () => {
    const connection = await open();
    const hint = { status: 426, body: 'Upgrade required.', headers: { upgrade: 'websocket' } };
    connection.write(requestText(`GET /app/${APP.key}`, OFFER));
    expect(await connection.answer()).toMatchObject({ ...hint, headers: { connection: 'Upgrade' } });
    connection.write(requestText(`GET /app/${APP.key}`));
    expect(await connection.answer()).toMatchObject(hint);
    connection.write(requestText(`GET /app/${APP.key}`, ['Connection: close']));
    expect(await connection.answer()).toMatchObject({ ...hint, headers: { connection: 'Upgrade, close' } });
    expect(await connection.end()).toBe('');
  });

  test('2.1 ignores it over TLS as well', async () => {
    const folder = temporaryFolder();
    const files = { cert: join(folder, 'a.crt'), key: join(folder, 'a.key') };
    makeCertificate(files, 'first');
    const server = await startServer({
      ...APP_ENV,
      WAVEHALL_TLS_CERT: files.cert,
      WAVEHALL_TLS_KEY: files.key,
    });
    try {
      const connection = await RawHttp.openTls(server);
      opened.push(connection);
      const body = event('e');
      for (let round = 0; round < 3; round += 1) {
        connection.write(publish(body));
        expect(await connection.answer()).toMatchObject({ status: 200, body: '{}' });
      }
      const status = await new Promise((resolve, reject) => {
        const headers = { Connection: 'Upgrade', Upgrade: 'h2c' };
        const options = { port: server.port, ca: readFileSync(files.cert), headers, agent: false as const };
        requestTls(`https://127.0.0.1/up`, options, (answer) => resolve(answer.statusCode))
          .on('error', reject)
          .end();
      });
      expect(status).toBe(200);
      expect(server.output()).not.toMatch(/warning/i);
    } finally {
      await server.close();
    }
  });
});
