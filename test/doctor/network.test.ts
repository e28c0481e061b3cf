/** Faults between Laravel, the browsers and the server, each found by its name. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { selfSigned } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';
import { startStandIn } from '../support/reverb-stand-in.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { type App, ending, examine, prepareApp, withLaravel } from './app.ts';
import {
  type Authority,
  makeAuthority,
  startHttp,
  startNginx,
  startSilent,
  startTls,
  startWrongClock,
  UPGRADE,
} from './faulty-sites.ts';

const SETUP_MS = 300_000;
const SERVER_APP = {
  REVERB_APP_ID: 'app-id',
  REVERB_APP_KEY: 'app-key',
  REVERB_APP_SECRET: 'planted-secret-1',
};
const PAGE = '<!DOCTYPE html><html><head><title>Log in</title></head><body>Welcome</body></html>';

withLaravel('faults on the way of an event', () => {
  let app: App;
  let server: TestServer;
  let authority: Authority;

  const start = async (env: Record<string, string> = {}) => {
    const port = await freePort();
    const started = ending(await startServer({ ...SERVER_APP, REVERB_SERVER_PORT: String(port), ...env }));
    return { ...app, port: started.port };
  };

  beforeAll(async () => {
    app = await prepareApp(await freePort(), false);
    server = await startServer({ ...SERVER_APP, REVERB_SERVER_PORT: String(app.port) });
    authority = makeAuthority();
  }, SETUP_MS);
  afterAll(async () => {
    await server.close();
    authority.remove();
    app.remove();
  });

  /** Browsers and Laravel go to this port, and the server listens on its own. */
  const through = (port: number, scheme = 'http', host = '127.0.0.1') => ({
    env: { REVERB_HOST: host, REVERB_PORT: String(port), REVERB_SCHEME: scheme },
  });

  test('a right nginx has no problem', async () => {
    const nginx = ending(
      await startNginx(() => `location / { proxy_pass http://127.0.0.1:${app.port}; ${UPGRADE} }`),
    );
    const { problems, finding } = await examine(app, through(nginx.port));
    expect(problems).toEqual([]);
    expect(finding('round-trip').severity).toBe('ok');
  });

  test('finds server-not-running: nothing listens', async () => {
    const { problems } = await examine({ ...app, port: await freePort() });
    expect(problems).toEqual(
      expect.arrayContaining(['server-not-running', 'publish-refused', 'connect-refused']),
    );
  });

  test('finds other-server-reverb: Laravel Reverb still has the port', async () => {
    const reverb = ending(await startStandIn(SERVER_APP));
    const { problems } = await examine({ ...app, port: reverb.port });
    expect(problems).toContain('other-server-reverb');
  });

  test('finds other-server-soketi and other-server by their answers', async () => {
    const soketi = ending(
      await startHttp((_, response) => void response.writeHead(200, { uWebSockets: '20' }).end('OK')),
    );
    expect((await examine({ ...app, port: soketi.port })).problems).toContain('other-server-soketi');
    const other = ending(await startHttp((_, response) => void response.writeHead(404).end('nothing here')));
    const { problems } = await examine({ ...app, port: other.port });
    expect(problems).toEqual(
      expect.arrayContaining(['other-server', 'publish-path-wrong', 'connect-path-wrong']),
    );
  });

  test('finds server-not-answering: a program accepts and never answers', async () => {
    const silent = ending(await startSilent(0));
    const startedAtMs = Date.now();
    const { problems } = await examine({ ...app, port: silent.port }, { options: { timeoutMs: 500 } });
    expect(problems).toEqual(
      expect.arrayContaining(['server-not-answering', 'publish-timeout', 'connect-timeout']),
    );
    expect(Date.now() - startedAtMs).toBeLessThan(15_000);
  });

  test('finds publish-page-answered: a page stands in front of /apps', async () => {
    const nginx = ending(
      await startNginx(
        () => `location /app/ { proxy_pass http://127.0.0.1:${app.port}; ${UPGRADE} }
               location / { default_type text/html; return 200 '${PAGE}'; }`,
      ),
    );
    expect((await examine(app, through(nginx.port))).problems).toEqual(['publish-page-answered']);
  });

  test('finds publish-page-answered: a challenge in place of the answer', async () => {
    const challenge = ending(
      await startHttp(
        (_, response) =>
          void response.writeHead(403, { 'cf-mitigated': 'challenge', server: 'cloudflare' }).end(PAGE),
      ),
    );
    const { problems, finding } = await examine(app, through(challenge.port));
    expect(problems).toEqual(expect.arrayContaining(['publish-page-answered', 'connect-page-answered']));
    expect(finding('publish-page-answered').message).toContain('cloudflare');
  });

  test('finds connect-upgrade-missing: nginx does not pass the Upgrade headers', async () => {
    const nginx = ending(await startNginx(() => `location / { proxy_pass http://127.0.0.1:${app.port}; }`));
    const { problems, finding } = await examine(app, through(nginx.port));
    expect(problems).toEqual(['connect-upgrade-missing']);
    expect(finding('connect-upgrade-missing').fix?.line).toContain('proxy_set_header Upgrade $http_upgrade');
  });

  test('finds publish-unavailable and connect-unavailable: nginx does not reach the server', async () => {
    const dead = await freePort();
    const nginx = ending(
      await startNginx(() => `location / { proxy_pass http://127.0.0.1:${dead}; ${UPGRADE} }`),
    );
    expect((await examine(app, through(nginx.port))).problems).toEqual([
      'publish-unavailable',
      'connect-unavailable',
    ]);
  });

  test('finds publish-redirected and connect-redirected', async () => {
    const nginx = ending(await startNginx(() => 'return 301 https://ws.example.com$request_uri;'));
    expect((await examine(app, through(nginx.port))).problems).toEqual([
      'publish-redirected',
      'connect-redirected',
    ]);
  });

  test('finds publish-too-large: the proxy takes no body', async () => {
    const nginx = ending(
      await startNginx(
        () => `client_max_body_size 10; location / { proxy_pass http://127.0.0.1:${app.port}; ${UPGRADE} }`,
      ),
    );
    expect((await examine(app, through(nginx.port))).problems).toEqual(['publish-too-large']);
  });

  test("finds event-size-limited: Reverb's own limit is in .env", async () => {
    const small = await start({ REVERB_MAX_REQUEST_SIZE: '5000' });
    expect((await examine(small)).problems).toEqual(['event-size-limited']);
  });

  test('finds connect-origin-refused, connect-tls-required and connect-app-disabled by the close code', async () => {
    const origins = await start({ WAVEHALL_ALLOWED_ORIGINS: 'app.example.com' });
    expect((await examine(origins)).problems).toEqual(['connect-origin-refused']);
    const tls = await start({ WAVEHALL_REQUIRE_TLS: 'true', WAVEHALL_REFUSAL_DELAY_MS: '0' });
    expect((await examine(tls)).problems).toEqual(['connect-tls-required']);
    const disabled = await start({ WAVEHALL_APP_ENABLED: 'false' });
    expect((await examine(disabled)).problems).toEqual(['publish-forbidden', 'connect-app-disabled']);
  });

  test('finds publish-rate-limited: the proxy refuses the rate', async () => {
    const nginx = ending(
      await startNginx(
        () =>
          `location /apps/ { return 429; } location / { proxy_pass http://127.0.0.1:${app.port}; ${UPGRADE} }`,
      ),
    );
    expect((await examine(app, through(nginx.port))).problems).toEqual(['publish-rate-limited']);
  });

  test('finds event-not-received: browsers are on another server', async () => {
    const other = await start();
    const { problems } = await examine(app, {
      options: { url: `ws://127.0.0.1:${other.port}`, timeoutMs: 1000 },
    });
    expect(problems).toEqual(['event-not-received']);
  });

  test('finds clock-differs and clock-drifts by the Date header', async () => {
    const late = ending(await startWrongClock(app.port, -3600));
    const options = { url: `ws://127.0.0.1:${app.port}` };
    const { problems, finding } = await examine(app, { ...through(late.port), options });
    expect(problems).toEqual(['clock-differs']);
    expect(finding('clock-differs').message).toMatch(/3\d\d\d s behind; 600 s are allowed/);
    const drifting = ending(await startWrongClock(app.port, 120));
    expect((await examine(app, { ...through(drifting.port), options })).problems).toEqual(['clock-drifts']);
  });

  test('finds publish-clock-refused: the server refuses the time of the request', async () => {
    const refusing = ending(
      await startHttp(
        (_, response) =>
          void response.writeHead(401).end('Timestamp expired: Given timestamp not within 600s'),
      ),
    );
    const { problems } = await examine(app, {
      ...through(refusing.port),
      options: { url: `ws://127.0.0.1:${app.port}` },
    });
    expect(problems).toEqual(['publish-clock-refused']);
  });

  test('finds proxy-cuts-silence: the proxy closes a silent connection', async () => {
    const nginx = ending(
      await startNginx(
        () => `location / { proxy_pass http://127.0.0.1:${app.port}; ${UPGRADE} proxy_read_timeout 1s; }`,
      ),
    );
    const { problems, finding } = await examine(app, { ...through(nginx.port), options: { waitMs: 8000 } });
    expect(problems).toEqual(['proxy-cuts-silence']);
    expect(finding('proxy-cuts-silence').fix?.line).toContain('proxy_read_timeout');
    const direct = await examine(app, { options: { waitMs: 1500 } });
    expect(direct.finding('proxy-timeout').severity).toBe('ok');
  });

  test('finds tls-self-signed, and still tries the other legs', async () => {
    const files = selfSigned();
    ending({ close: () => files.remove() });
    const tls = ending(await startTls(files, app.port));
    const { problems, finding } = await examine(app, through(tls.port, 'https', 'localhost'));
    expect(problems).toEqual(['tls-expires-soon', 'tls-self-signed']);
    expect(finding('round-trip').severity).toBe('ok');
  });

  test('finds tls-expired, tls-wrong-host and tls-chain-incomplete', async () => {
    const at = async (host: string, days: number) => {
      const tls = ending(await startTls(authority.issue(host, days), app.port));
      return (await examine(app, through(tls.port, 'https', 'localhost'))).problems;
    };
    expect(await at('localhost', -2)).toContain('tls-expired');
    expect(await at('ws.example.com', 20)).toContain('tls-wrong-host');
    expect(await at('localhost', 20)).toEqual(['tls-chain-incomplete']);
  });
});
