import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sdkFor, type Target } from './sdk.ts';

/** Page with Echo's build for bundlers, pusher-js' build for script tags and our client file, like a Laravel page. */
const PAGE = `<!doctype html><link rel="icon" href="data:," /><script src="/pusher.js"></script>
<script type="module">import Echo from '/echo.js'; import { resume } from '/client.js'; Object.assign(window, { Echo, resume });</script>`;
const CLIENT_FILE = new URL('../../dist/client/index.js', import.meta.url);
const browserBuild = (path: string) => readFileSync(new URL(`../../node_modules/${path}`, import.meta.url));

/** Application that authorizes its users for channels; the server under test has no users of its own. */
export interface Application {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * The application's own web server: Laravel's two endpoints, answered by the stock SDK, and a page with the browser
 * builds. The bearer token is the user's id. It refuses channels named `…forbidden…` and signs `…missigned…` with
 * another secret; it signs in the user `missigned` with that secret too.
 */
export async function startApplication(
  target: Target,
  watchlists: Record<string, readonly string[]> = {},
): Promise<Application> {
  const sdk = sdkFor(target);
  const missigningSdk = sdkFor({ ...target, secret: 'another-secret' });
  const files = new Map([
    ['/', { type: 'text/html', body: PAGE }],
    [
      '/pusher.js',
      {
        type: 'text/javascript',
        body: browserBuild('pusher-js/dist/web/pusher-with-encryption.min.js'),
      },
    ],
    ['/away', { type: 'text/html', body: '<!doctype html><link rel="icon" href="data:," />' }],
    ['/client.js', { type: 'text/javascript', body: readFileSync(CLIENT_FILE) }],
    ['/echo.js', { type: 'text/javascript', body: browserBuild('laravel-echo/dist/echo.js') }],
  ]);

  const authorize = (form: URLSearchParams, user: string): unknown => {
    const channel = form.get('channel_name') ?? '';
    if (channel.includes('forbidden')) return undefined;
    const signer = channel.includes('missigned') ? missigningSdk : sdk;
    const member = { user_id: user, user_info: userInfo(user) };
    const data = channel.startsWith('presence-') ? member : undefined;
    return signer.authorizeChannel(form.get('socket_id') ?? '', channel, data);
  };
  const signIn = (form: URLSearchParams, user: string): unknown =>
    (user === 'missigned' ? missigningSdk : sdk).authenticateUser(form.get('socket_id') ?? '', {
      id: user,
      user_info: userInfo(user),
      watchlist: watchlists[user] ?? [],
    });

  const server = createServer((request, response) => {
    const file = files.get(request.url ?? '');
    if (file !== undefined) return void response.setHeader('Content-Type', file.type).end(file.body);
    const user = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    const handler = request.url === '/broadcasting/auth' ? authorize : signIn;
    void readForm(request).then((form) => {
      const answer = user === undefined ? undefined : handler(form, user);
      if (answer === undefined) response.writeHead(403).end();
      else response.setHeader('Content-Type', 'application/json').end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Not ASCII, so that only a signature over the raw text is valid. */
export const userInfo = (user: string) => ({ name: `Üser/${user}` });

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return new URLSearchParams(Buffer.concat(chunks).toString());
}
