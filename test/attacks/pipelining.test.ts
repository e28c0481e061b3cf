/** Pipelined requests: served as if the client had waited for each answer. */
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { join } from 'node:path';
import { temporaryFolder } from '../cli/command.ts';
import { APP, APP_ENV } from '../conformance/settings.ts';
import { startServer } from '../support/server.ts';
import { RawHttp, requestText } from '../support/raw-http.ts';
import { eventually, type Address } from '../support/wire.ts';
import { signedPath } from '../support/wire-http.ts';
import { textFrame, upgradeText } from '../support/wire-tcp.ts';
import { filesOf } from '../hostile/target.ts';
import { makeCertificate } from '../transports/certificate.ts';
import { attackedServer, range } from './attacked-server.ts';
import { sleep } from '../../src/core/util/time.ts';

const target = attackedServer({ WAVEHALL_KEEP_ALIVE_SECONDS: '1' });
const BASE = `/apps/${APP.id}`;

const opened: RawHttp[] = [];
const open = async (address: Address = target.tools.app): Promise<RawHttp> => {
  const connection = await RawHttp.open(address);
  opened.push(connection);
  return connection;
};
afterEach(() => opened.splice(0).forEach((each) => each.destroy()));

const publish = (name: string, headers: readonly string[] = []): Buffer => {
  const body = JSON.stringify({ name, data: 'd', channel: 'orders' });
  return requestText(
    `POST ${signedPath(target.tools.app, 'POST', `${BASE}/events`, [], body)}`,
    headers,
    body,
  );
};
const list = () => requestText(`GET ${signedPath(target.tools.app, 'GET', `${BASE}/channels`)}`);
const live = requestText('GET /live');
const upgrade = Buffer.from(upgradeText(`/app/${APP.key}?protocol=7`));
const PING = textFrame({ event: 'pusher:ping', data: {} });

const received = async (connection: RawHttp, text: string): Promise<void> =>
  eventually(
    () => connection.received.includes(text),
    () => `${text} arrives, but ${connection.received}`,
  );

describe('pipelined requests', () => {
  test('8.1 are served and answered in order', async () => {
    const wire = await target.tools.subscriber('orders');
    const connection = await open();
    const names = range(50).map((at) => `event-${at}`);
    connection.write(Buffer.concat(names.flatMap((name) => [publish(name), list(), live])));
    const answers = await connection.answers(150);
    expect(answers.map((answer) => answer?.body)).toEqual(
      names.flatMap(() => ['{}', '{"channels":{"orders":{}}}', '{"live":true}']),
    );
    expect((await wire.settle()).map((frame) => frame.event)).toEqual(names);
  });

  test('8.1 may have chunked bodies or Expect, and may be refused', async () => {
    const connection = await open();
    const body = JSON.stringify({ name: 'e', data: 'd', channel: 'orders' });
    const head = (header: string): Buffer =>
      requestText(`POST ${signedPath(target.tools.app, 'POST', `${BASE}/events`, [], body)}`, [header]);
    connection.write(
      Buffer.concat([
        list(),
        head('Transfer-Encoding: chunked'),
        Buffer.from(`5;x=y\r\n${body.slice(0, 5)}\r\n`),
        Buffer.from(`${(body.length - 5).toString(16)}\r\n${body.slice(5)}\r\n0\r\nX: y\r\n\r\n`),
        requestText('POST /nothing', [], body),
        publish('f', ['Expect: 100-continue']),
        requestText(`GET /app/${APP.key}`),
        live,
      ]),
    );
    const statuses = (await connection.answers(7)).map((answer) => answer?.status);
    expect(statuses).toEqual([200, 200, 404, 100, 200, 426, 200]);
  });

  test('8.1 are answered when they arrive in pieces of any length', async () => {
    const bytes = Buffer.concat(range(3).flatMap(() => [live, publish('e'), list()]));
    for (const length of [1, 7, 50, 333]) {
      const connection = await open();
      for (let at = 0; at < bytes.length; at += length) {
        connection.write(bytes.subarray(at, at + length));
        await new Promise(setImmediate);
      }
      expect((await connection.answers(9)).map((answer) => answer?.status)).toEqual(range(9).map(() => 200));
    }
  });

  test('8.1 are not served after one with Connection: close', async () => {
    const wire = await target.tools.subscriber('orders');
    for (const first of [
      requestText('GET /live', ['Connection: close']),
      Buffer.from('GET /live HTTP/1.0\r\n\r\n'),
    ]) {
      const connection = await open();
      connection.write(Buffer.concat([live, first, publish('e'), upgrade]));
      expect((await connection.answers(2)).map((answer) => answer?.status)).toEqual([200, 200]);
      // The parser treats bytes after it as an error and may answer them with 400.
      expect(await connection.end()).toMatch(/^(HTTP\/1\.1 400 |$)/);
    }
    await target.tools.receivesNothing(wire);
  });

  test('8.1 are answered in HTTP/1.0 too if they keep the connection', async () => {
    const connection = await open();
    connection.write('GET /live HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'.repeat(5));
    expect((await connection.answers(5)).map((answer) => answer?.status)).toEqual(range(5).map(() => 200));
  });

  test('8.1 have the timeout of a request, not that of an idle connection', async () => {
    const connection = await open();
    const late = publish('e');
    connection.write(Buffer.concat([live, late.subarray(0, -5)]));
    expect((await connection.answer())?.status).toBe(200);
    // An idle connection is closed after 2 s: 1 s of the setting and 1 s that Node adds.
    await sleep(3_000);
    connection.write(late.subarray(-5));
    expect((await connection.answer())?.status).toBe(200);
    await connection.end();
  });

  test('8.1 release their files when their clients disconnect', async () => {
    const files = (): number => filesOf({ ...target.tools.app, pid: target.server.pid }) ?? 0;
    await target.tools.get('/channels');
    const before = files();
    const many = Buffer.concat(range(500).flatMap(() => [list(), live]));
    for (const at of range(40)) {
      const connection = await open();
      connection.write(many);
      if (at % 4 === 1) await connection.answer();
      if (at % 2 === 0) connection.socket.resetAndDestroy();
      else connection.destroy();
    }
    await eventually(
      () => files() <= before + 2,
      () => `${before} files are open as before, but ${files()}`,
      15_000,
    );
    expect(target.server.output()).not.toMatch(/warning/i);
  });
});

describe('an upgrade after other requests', () => {
  const ESTABLISHED = 'pusher:connection_established';
  interface Transport {
    open(): Promise<RawHttp>;
  }
  const transports: Record<string, () => Promise<Transport>> = {
    plain: () => Promise.resolve({ open }),
    'over TLS': async () => {
      const folder = temporaryFolder();
      const files = { cert: join(folder, 'a.crt'), key: join(folder, 'a.key') };
      makeCertificate(files, 'first');
      const tls = { WAVEHALL_TLS_CERT: files.cert, WAVEHALL_TLS_KEY: files.key };
      const server = await startServer({ ...APP_ENV, ...tls });
      onTestFinished(() => server.close());
      return {
        open: async () => {
          const connection = await RawHttp.openTls(server);
          opened.push(connection);
          return connection;
        },
      };
    },
  };

  describe.each(Object.entries(transports))('%s', (_, prepare) => {
    let transport: Transport;
    beforeEach(async () => (transport = await prepare()));

    test('2.1 is answered after their answers, and the bytes after it are read as frames', async () => {
      const connection = await transport.open();
      const h2c = requestText('GET /up', ['Connection: Upgrade', 'Upgrade: h2c']);
      const noUpgrade = requestText('GET /live', ['Upgrade: websocket']);
      connection.write(Buffer.concat([list(), live, h2c, noUpgrade, list(), upgrade, PING, PING]));
      const statuses = (await connection.answers(6)).map((answer) => answer?.status);
      expect(statuses).toEqual([200, 200, 200, 200, 200, 101]);
      await received(connection, ESTABLISHED);
      await eventually(
        () => connection.received.split('pusher:pong').length === 3,
        'both pings are answered',
      );
    });

    test('2.1 is answered after a request whose answer is delayed', async () => {
      const connection = await transport.open();
      connection.write(Buffer.concat([publish('e'), upgrade]));
      expect((await connection.answers(2)).map((answer) => answer?.status)).toEqual([200, 101]);
      await received(connection, ESTABLISHED);
    });

    test('2.1 CONNECT closes the connection after their answers', async () => {
      const connection = await transport.open();
      connection.write(
        Buffer.concat([list(), live, Buffer.from('CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n')]),
      );
      expect((await connection.answers(2)).map((answer) => answer?.status)).toEqual([200, 200]);
      expect(await connection.end()).toBe('');
    });
  });
});
