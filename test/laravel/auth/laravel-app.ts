import { appendFile, copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assemble, configure } from '../app-folder.ts';
import { laravel8 } from '../packages.ts';
import { artisan, serve, type WebServer } from '../php.ts';

const ROUTES = new URL('routes.php', import.meta.url);

/** A real Laravel that answers sessions and bearer tokens, and counts the questions that reach it. */
export class AuthApp {
  readonly folder: string;
  readonly appKey: string;
  #web: WebServer | undefined;
  readonly url: string;

  private constructor(folder: string, appKey: string, web: WebServer) {
    this.folder = folder;
    this.appKey = appKey;
    this.#web = web;
    this.url = web.url;
  }

  static async start(): Promise<AuthApp> {
    const folder = await assemble(laravel8);
    await configure(folder, 'reverb', 1, { APP_DEBUG: 'false' });
    await copyFile(ROUTES, join(folder, 'routes/gateway-tests.php'));
    await appendFile(join(folder, 'routes/channels.php'), "\nrequire __DIR__.'/gateway-tests.php';\n");
    await artisan(folder, 'migrate', '--seed', '--force');
    const env = await readFile(join(folder, '.env'), 'utf8');
    return new AuthApp(folder, /^APP_KEY=(.+)$/m.exec(env)?.[1] ?? '', await serve(folder));
  }

  /** Variables of a server with a gateway in front of it. */
  get variables(): Record<string, string> {
    return {
      WAVEHALL_AUTH_UPSTREAM: this.url,
      WAVEHALL_AUTH_PATHS: '/broadcasting/auth,/api/broadcasting/auth',
      WAVEHALL_AUTH_SESSION_COOKIE: 'wavehall_test_session',
      APP_KEY: this.appKey,
    };
  }

  /** Statuses of the answers to questions since the last call. */
  async takeQuestions(): Promise<number[]> {
    const file = join(this.folder, 'storage/questions');
    const text = await readFile(file, 'utf8').catch(() => '');
    await writeFile(file, '');
    return text.split('\n').filter(Boolean).map(Number);
  }

  /** Ends the web server, as a crash would. */
  async kill(): Promise<void> {
    await this.#web?.close();
    this.#web = undefined;
  }

  async close(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A browser's cookies and CSRF token, without the browser. */
export class BrowserSession {
  readonly #app: AuthApp;
  readonly #cookies = new Map<string, string>();

  private constructor(app: AuthApp) {
    this.#app = app;
  }

  /** Logs in the user with this id by the page of the app. */
  static async logIn(app: AuthApp, user: number): Promise<BrowserSession> {
    const session = new BrowserSession(app);
    await session.open('/login');
    await session.submit('/login', { user: String(user) });
    return session;
  }

  get cookie(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  /** Opens a page, whose answer has new cookies. */
  async open(path: string): Promise<string> {
    const answer = await fetch(this.#app.url + path, {
      headers: { cookie: this.cookie },
      redirect: 'manual',
    });
    this.#take(answer);
    return answer.text();
  }

  async submit(path: string, fields: Record<string, string> = {}): Promise<void> {
    const token =
      /name="_token"[^>]*value="([^"]+)"/.exec(await this.open(path === '/login' ? '/login' : '/'))?.[1] ??
      '';
    const body = new URLSearchParams({ _token: token || this.#xsrf, ...fields });
    const headers = { cookie: this.cookie, 'x-xsrf-token': this.#xsrf };
    this.#take(await fetch(this.#app.url + path, { method: 'POST', headers, body, redirect: 'manual' }));
  }

  /** Asks for a channel at this origin, as pusher-js does. */
  ask(
    origin: string,
    channel: string,
    socketId = '1.1',
    headers: Record<string, string> = {},
  ): Promise<Response> {
    return fetch(`${origin}/broadcasting/auth`, {
      method: 'POST',
      redirect: 'manual',
      headers: { cookie: this.cookie, 'x-xsrf-token': this.#xsrf, ...headers },
      body: new URLSearchParams({ socket_id: socketId, channel_name: channel }),
    });
  }

  get #xsrf(): string {
    return decodeURIComponent(this.#cookies.get('XSRF-TOKEN') ?? '');
  }

  #take(answer: Response): void {
    for (const line of answer.headers.getSetCookie()) {
      const [name = '', value = ''] = line.split(';', 1)[0]!.split(/=(.*)/s);
      this.#cookies.set(name, value);
    }
  }
}
