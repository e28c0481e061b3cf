import type { Hub } from '../../core/channels/hub.ts';
import type { NodeQuestions } from '../../core/ports/nodes/node-questions.ts';
import type { FollowedFacts, FoundFacts, TraceQuery, TraceQuestion } from '../../core/trace/facts.ts';
import { type AskAll, lookUp, type TraceFacts } from '../../core/trace/look-up.ts';
import { readFollowed, readFound, readQuestion } from '../../core/trace/read-facts.ts';
import type { Reader } from '../../core/util/readers.ts';
import { type Story, storyOf } from '../../core/trace/story/index.ts';
import type { Trace } from '../../core/trace/trace.ts';
import type { WorkerGroup } from '../worker-group.ts';
import { askingAll } from './all-processes.ts';

/** Answer to an operator: the story, and the facts that it is made of. */
export interface TraceReport {
  readonly story: Story;
  readonly facts: TraceFacts;
}

interface TraceSourceDeps {
  readonly trace: Trace;
  readonly hub: Pick<Hub, 'scopes'>;
  readonly apps: { readonly all: readonly { readonly id: string }[] };
  /** `undefined`: this process serves alone. */
  readonly workers: WorkerGroup | undefined;
  readonly nodeQuestions: NodeQuestions;
}

/** The traces of all processes: of this one, of the other workers of this server, and of the other nodes (SPEC 16.4). */
export class TraceSource {
  readonly #deps: TraceSourceDeps;
  readonly #askAll: AskAll;

  constructor(deps: TraceSourceDeps) {
    this.#deps = deps;
    const ask = askingAll<TraceQuestion, FoundFacts | FollowedFacts>(deps, {
      request: 'trace',
      process: deps.trace.name.process,
      readQuestion,
      readAnswer: ({ type }): Reader<FoundFacts | FollowedFacts> =>
        type === 'find' ? readFound : readFollowed,
      answer: (question) => this.#own(question),
    });
    this.#askAll = (async (question: TraceQuestion) => {
      const { answers, silent } = await ask(question);
      return { answers, silent: silent ?? [], isComplete: silent !== undefined };
    }) as AskAll;
  }

  async find(query: TraceQuery): Promise<TraceReport> {
    const { apps, nodeQuestions } = this.#deps;
    const [first, second] = apps.all;
    const facts = await lookUp(query, this.#askAll, {
      nowMs: Date.now(),
      isCluster: nodeQuestions.isCluster,
      onlyApp: second === undefined ? first?.id : undefined,
    });
    return { story: storyOf(facts), facts };
  }

  #own(question: TraceQuestion): FoundFacts | FollowedFacts {
    const { trace, hub, nodeQuestions } = this.#deps;
    const facts = question.type === 'find' ? trace.find(question.query) : trace.follow(question, hub.scopes);
    return { ...facts, node: nodeQuestions.name };
  }
}
