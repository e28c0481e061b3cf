import type { BrowserContext, Page } from 'playwright-core';

const WAIT_MS = 15_000;
// pusher-js tries again after one second and, when that was too early, after fifteen more.
const RECONNECT_MS = 40_000;

export interface Frame {
  readonly event: string;
  readonly channel?: string;
  readonly data?: unknown;
  readonly user_id?: unknown;
}

/** One window of the example, logged in, and everything that its sockets received. */
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

  /** Opens the example in `context` and logs in as `person` unless the context has done so before. */
  static async open(context: BrowserContext, url: string, person: string): Promise<Window> {
    const window = new Window(await context.newPage());
    await window.page.goto(url);
    if (window.page.url().endsWith('/login')) {
      await window.page.getByRole('button', { name: person }).click();
    }
    await window.connected();
    return window;
  }

  async connected(): Promise<void> {
    await this.page.waitForSelector('#connection[data-state=connected]', { timeout: RECONNECT_MS });
  }

  notConnected(): Promise<void> {
    return this.#sees('#connection:not([data-state=connected])');
  }

  disconnectedForGood(): Promise<void> {
    return this.#sees('#connection[data-state=disconnected]');
  }

  async connectAgain(): Promise<void> {
    await this.page.click('[data-connect]');
    await this.connected();
  }

  async socketId(): Promise<string> {
    return (await this.page.textContent('[data-socket]')) ?? '';
  }

  /** Resolves when exactly these users are shown as members of the room. */
  async peopleAre(...names: string[]): Promise<void> {
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

  async say(text: string): Promise<void> {
    await this.page.fill('#room input', text);
    await this.page.click('#room button');
  }

  async type(text: string): Promise<void> {
    await this.page.locator('#room input').pressSequentially(text);
  }

  seesPost(text: string): Promise<void> {
    return this.#sees(`.posts li:has-text("${text}")`);
  }

  seesTalk(kind: 'theirs' | 'mine' | 'event', text: string): Promise<void> {
    return this.#sees(`.talk .${kind}:has-text("${text}")`);
  }

  seesTyping(text: string): Promise<void> {
    return this.#sees(`.typing:has-text("${text}")`);
  }

  seesOutcome(order: number, text: string): Promise<void> {
    return this.#sees(`.order[data-order="${order}"] .outcome:has-text("${text}")`);
  }

  async press(order: number, button: 'listen' | 'move'): Promise<void> {
    await this.page.click(`.order[data-order="${order}"] [data-${button}]`);
  }

  count(event: string, since = 0): number {
    return this.frames.slice(since).filter((frame) => frame.event === event).length;
  }

  async #sees(selector: string): Promise<void> {
    await this.page.waitForSelector(selector);
  }
}
