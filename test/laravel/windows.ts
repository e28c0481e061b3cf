import type { BrowserContext, Page } from 'playwright-core';

const WAIT_MS = 15_000;
// pusher-js retries after 1 second, then after another 15.
const RECONNECT_MS = 40_000;

export interface Frame {
  readonly event: string;
  readonly channel?: string;
  readonly data?: unknown;
  readonly user_id?: unknown;
}

/** Window of the example with a logged-in user, and all frames that its sockets received. */
export class Window {
  readonly page: Page;
  readonly frames: Frame[] = [];
  readonly failures: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.setDefaultTimeout(WAIT_MS);
    page.on('pageerror', (error) => this.failures.push(error.message));
    page.on('websocket', (socket) => {
      socket.on('framereceived', ({ payload }) => this.frames.push(JSON.parse(payload.toString()) as Frame));
    });
  }

  /** Opens the example in `context` and logs in as `name` unless the context is already logged in. */
  static async open(context: BrowserContext, url: string, name: string): Promise<Window> {
    const window = new Window(await context.newPage());
    await window.page.goto(url);
    if (window.page.url().endsWith('/login')) {
      await window.page.getByRole('button', { name }).click();
    }
    await window.connected();
    return window;
  }

  async connected(): Promise<void> {
    await this.page.waitForSelector('#connection[data-state=connected]', { timeout: RECONNECT_MS });
  }

  notConnected(): Promise<void> {
    return this.#shown('#connection:not([data-state=connected])');
  }

  disconnected(): Promise<void> {
    return this.#shown('#connection[data-state=disconnected]');
  }

  async reconnect(): Promise<void> {
    await this.page.click('[data-connect]');
    await this.connected();
  }

  async socketId(): Promise<string> {
    return (await this.page.textContent('[data-socket]')) ?? '';
  }

  /** Resolves when exactly these users are shown as members of the presence channel. */
  async usersAre(...names: string[]): Promise<void> {
    const wanted = names.toSorted().join();
    await this.page.waitForFunction((expected) => {
      const shown = [...document.querySelectorAll<HTMLElement>('[data-person]')];
      return (
        shown
          .map((person) => person.dataset['person'])
          .sort()
          .join() === expected
      );
    }, wanted);
  }

  async post(text: string): Promise<void> {
    await this.page.fill('#feed input', text);
    await this.page.click('#feed button');
  }

  async sendMessage(text: string): Promise<void> {
    await this.page.fill('#room input', text);
    await this.page.click('#room button');
  }

  async type(text: string): Promise<void> {
    await this.page.locator('#room input').pressSequentially(text);
  }

  postShown(text: string): Promise<void> {
    return this.#shown(`.posts li:has-text("${text}")`);
  }

  messageShown(kind: 'theirs' | 'mine' | 'event', text: string): Promise<void> {
    return this.#shown(`.talk .${kind}:has-text("${text}")`);
  }

  typingShown(text: string): Promise<void> {
    return this.#shown(`.typing:has-text("${text}")`);
  }

  outcomeShown(order: number, text: string): Promise<void> {
    return this.#shown(`.order[data-order="${order}"] .outcome:has-text("${text}")`);
  }

  async press(order: number, button: 'listen' | 'move'): Promise<void> {
    await this.page.click(`.order[data-order="${order}"] [data-${button}]`);
  }

  count(event: string, since = 0): number {
    return this.frames.slice(since).filter((frame) => frame.event === event).length;
  }

  async #shown(selector: string): Promise<void> {
    await this.page.waitForSelector(selector);
  }
}
