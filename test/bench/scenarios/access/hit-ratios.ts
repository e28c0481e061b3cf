/** Share of the questions that the gateway answers itself, for sessions whose cookie Laravel encrypts anew, with its key and without. */
import { Agent } from 'node:http';
import { COOKIE, encryptedCookie } from '../../../auth/laravel-cookies.ts';
import { http } from '../../../support/wire-http.ts';
import type { Bench } from '../../bench.ts';
import type { Contestant } from '../../contestants.ts';
import type { Row } from '../../figures.ts';
import { gatewayTo, WITH_APP_KEY } from './laravel.ts';
import { AUTH_PATH, FORM, questionBody } from './requests.ts';
import { valuesOf, withServer } from './servers.ts';

const CLIENTS = 200;
const CHANNELS = 10;
const RETURNS = 4;

/** Ways in which clients connect again. */
const RETURNING = [
  { name: 'the tab stayed open', loadsPage: false },
  { name: 'after a page of Laravel', loadsPage: true },
];

export async function hitRatios(bench: Bench, scenario: string, laravel: Contestant): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { name, loadsPage } of RETURNING)
    for (const [server, variables] of [
      ['Wavehall', WITH_APP_KEY],
      ['without APP_KEY', { APP_KEY: '' }],
    ] as const) {
      const figure = `hits of clients that return, ${name}`;
      rows.push({ scenario, figure, server, ...(await measure(bench, laravel, variables, loadsPage)) });
    }
  return rows;
}

/** All clients connect once, and return a few times; only what they ask then counts. */
const measure = (
  bench: Bench,
  laravel: Contestant,
  variables: Readonly<Record<string, string>>,
  loadsPage: boolean,
): Promise<Pick<Row, 'value' | 'unit' | 'more'>> =>
  withServer(bench, { ...gatewayTo(laravel), ...variables }, async (server) => {
    const agent = new Agent({ keepAlive: true, maxSockets: CHANNELS });
    const clients = Array.from({ length: bench.scaled(CLIENTS) }, (_, at) => new Browser(server, agent, at));
    for (const client of clients) await client.connect();
    const first = await outcomesOf(server);
    for (let each = 0; each < RETURNS; each += 1)
      for (const client of clients) {
        if (loadsPage) client.loadPage();
        await client.connect();
      }
    agent.destroy();
    const all = await outcomesOf(server);
    const grown = (outcome: string) => (all.get(outcome) ?? 0) - (first.get(outcome) ?? 0);
    const questions = [...all.keys()].reduce((sum, outcome) => sum + grown(outcome), 0);
    return {
      value: (grown('hit') / questions) * 100,
      unit: '%',
      more: { questions, 'of them at Laravel': grown('asked') },
    };
  });

const outcomesOf = (server: Contestant): Promise<Map<string, number>> =>
  valuesOf(server, 'wavehall_auth_requests_total');

/** A signed-in browser: it sends the newest cookie of its session, and asks for all its channels at once. */
class Browser {
  readonly #server: Contestant;
  readonly #agent: Agent;
  readonly #session: string;
  #cookie: string;
  #connects = 0;

  constructor(server: Contestant, agent: Agent, number: number) {
    this.#server = server;
    this.#agent = agent;
    this.#session = `session${number}`.padEnd(40, '0');
    this.#cookie = this.#encrypted();
  }

  loadPage(): void {
    this.#cookie = this.#encrypted();
  }

  async connect(): Promise<void> {
    this.#connects += 1;
    const answers = await Promise.all(
      Array.from({ length: CHANNELS }, (_, at) => this.#ask(`private-orders.${at}`)),
    );
    this.#cookie = answers.findLast((cookie) => cookie !== undefined) ?? this.#cookie;
  }

  /** Resolves with the cookie of the answer, if it has one. */
  async #ask(channel: string): Promise<string | undefined> {
    const { status, headers } = await http(this.#server.endpoint, {
      method: 'POST',
      path: AUTH_PATH,
      body: questionBody(`1.${this.#connects}`, channel),
      headers: { 'content-type': FORM, cookie: this.#cookie },
      agent: this.#agent,
    });
    if (status !== 200) throw new Error(`a question was answered with ${status}`);
    return headers['set-cookie']?.[0]?.split(';', 1)[0];
  }

  #encrypted(): string {
    return `${COOKIE}=${encryptedCookie(this.#session)}`;
  }
}
