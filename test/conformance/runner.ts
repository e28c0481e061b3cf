import { eventually } from '../support/wire.ts';
import type { Case, CaseSettings } from './case.ts';
import { CaseTools } from './case-tools.ts';
import type { Forms, StartedServer } from './case-tools.ts';
import type { Target } from './target.ts';

export type Result = 'passed' | 'failed' | 'not applicable';

export interface Outcome {
  readonly id: string;
  readonly rule: string;
  readonly title: string;
  readonly result: Result;
  /** Expected and actual result; empty when passed. */
  readonly detail: string;
  readonly ms: number;
}

const LIMIT_MS = 20_000;

/** Cases with the same settings share a server; `close` closes all of them. */
export class Servers {
  readonly #target: Target;
  readonly #running = new Map<string, Promise<StartedServer | undefined>>();

  constructor(target: Target) {
    this.#target = target;
  }

  /** Returns the server for a case; undefined when the target cannot be started with its settings. */
  async for({
    needs,
    alone,
  }: Pick<Case, 'needs' | 'alone'>): Promise<{ running: StartedServer; done(): Promise<void> } | undefined> {
    if (alone) {
      const own = await this.#target.start(needs ?? {});
      if (own) return { running: own, done: () => own.close() };
      if (needs) return undefined;
    }
    const running = await this.#shared(needs);
    return running && { running, done: () => Promise.resolve() };
  }

  #shared(needs: CaseSettings | undefined): Promise<StartedServer | undefined> {
    const key = JSON.stringify(needs ?? {});
    const known = this.#running.get(key);
    if (known) return known;
    const started = this.#start(needs);
    this.#running.set(key, started);
    // The next try starts another one.
    started.catch(() => this.#running.delete(key));
    return started;
  }

  async #start(needs: CaseSettings | undefined): Promise<StartedServer | undefined> {
    return needs ? this.#target.start(needs) : this.#target.shared();
  }

  async close(): Promise<void> {
    const all = await Promise.allSettled(this.#running.values());
    for (const each of all) if (each.status === 'fulfilled') await each.value?.close();
  }
}

const hasNoChannels = async (tools: CaseTools): Promise<boolean> => {
  const { json } = await tools.get('/channels');
  return Object.keys((json as { channels?: object } | undefined)?.channels ?? { unknown: 1 }).length === 0;
};

const withLimit = async (work: Promise<unknown>, limitMs: number): Promise<void> => {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${limitMs} ms`)), limitMs);
  });
  try {
    await Promise.race([work, expired]);
  } finally {
    clearTimeout(timer);
  }
};

/** Runs one case on a running server and closes all its clients; throws the difference. */
export const tryCase = async (each: Case, running: StartedServer, forms?: Forms): Promise<void> => {
  const tools = new CaseTools(running.endpoint, running, forms);
  try {
    if (each.alone) await eventually(() => hasNoChannels(tools), 'the app has no channels', 10_000);
    await withLimit(each.run(tools), each.limitMs ?? LIMIT_MS);
  } finally {
    await tools.cleanUp();
  }
};

/** Runs one case on the server that it needs, and returns the outcome. */
export const outcomeOf = async (each: Case, servers: Servers, forms: Forms): Promise<Outcome> => {
  const { id, rule, title } = each;
  const begin = performance.now();
  const end = (result: Result, detail = ''): Outcome => ({
    ...{ id, rule, title, result, detail },
    ms: Math.round(performance.now() - begin),
  });
  try {
    const server = await servers.for(each);
    if (!server) return end('not applicable', `needs ${JSON.stringify(each.needs)}`);
    try {
      await tryCase(each, server.running, forms);
    } finally {
      await server.done();
    }
    return end('passed');
  } catch (error) {
    return end('failed', error instanceof Error ? error.message : String(error));
  }
};

/** Runs all cases: those on the common server one after another, the others 3 at a time. */
export const runAll = async (
  cases: readonly Case[],
  target: Target,
  forms: Forms,
  onOutcome: (outcome: Outcome) => void,
): Promise<Outcome[]> => {
  const servers = new Servers(target);
  const outcomes: Outcome[] = [];
  const worker = async (queue: Case[]) => {
    for (let each = queue.shift(); each; each = queue.shift()) {
      const outcome = await outcomeOf(each, servers, forms);
      outcomes.push(outcome);
      onOutcome(outcome);
    }
  };
  const common = cases.filter(({ needs }) => !needs);
  const special = cases.filter(({ needs }) => needs);
  try {
    await worker(common);
    await Promise.all([worker(special), worker(special), worker(special)]);
  } finally {
    await servers.close();
  }
  return cases.map(({ id }) => outcomes.find((outcome) => outcome.id === id)!);
};
