import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sdkFor, type Target } from './sdk.ts';

/** Echo's build for bundlers and the build of pusher-js for script tags, as a Laravel page has them. */
const PAGE = `<!doctype html><link rel="icon" href="data:," /><script src="/pusher.js"></script>
<script type="module">import Echo from '/echo.js'; window.Echo = Echo;</script>`;
const browserBuild = (path: string) => readFileSync(new URL(`../../node_modules/${path}`, import.meta.url));

/** The application, which authorizes users for channels; the server under test does not know them. */
export interface Application {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * The application's own web server: Laravel's two endpoints, answered by the stock SDK, and a page with the browser
 * builds. The bearer token is the user's id. It refuses channels named `…forbidden…` and signs `…missigned…` with
 * another secret; `missigned` is also a user whom it signs in wrongly.
 */
export async function startApplication(
  target: Target,
  watchlists: Record<string, readonly string[]> = {},
): Promise<Application> {
  const right = sdkFor(target);
  const wrong = sdkFor({ ...target, secret: 'another-secret' });
  const static_ = new Map([
    ['/', { type: 'text/html', body: PAGE }],
    [
      '/pusher.js',
      {
        type: 'text/javascript',
        body: browserBuild('pusher-js/dist/web/pusher-with-encryption.min.js'),
      },
    ],
    ['/echo.js', { type: 'text/javascript', body: browserBuild('laravel-echo/dist/echo.js') }],
  ]);

  const authorize = (form: URLSearchParams, user: string): unknown => {
    const channel = form.get('channel_name') ?? '';
    if (channel.includes('forbidden')) return undefined;
    const sdk = channel.includes('missigned') ? wrong : right;
    const member = { user_id: user, user_info: userInfo(user) };
    const data = channel.startsWith('presence-') ? member : undefined;
    return sdk.authorizeChannel(form.get('socket_id') ?? '', channel, data);
  };
  const signIn = (form: URLSearchParams, user: string): unknown =>
    (user === 'missigned' ? wrong : right).authenticateUser(form.get('socket_id') ?? '', {
      id: user,
      user_info: userInfo(user),
      watchlist: watchlists[user] ?? [],
    });

  const server = createServer((request, response) => {
    const found = static_.get(request.url ?? '');
    if (found !== undefined) return void response.setHeader('Content-Type', found.type).end(found.body);
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

/** Not ASCII, so that a signature over anything but the raw text would fail. */
export const userInfo = (user: string) => ({ name: `Üser/${user}` });

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return new URLSearchParams(Buffer.concat(chunks).toString());
}
