import type { Hub } from '../../core/channels/hub.ts';
import type { NodeAnswers, NodeQuestions } from '../../core/ports/nodes/node-questions.ts';
import type {
  FollowedFacts,
  FoundFacts,
  ProcessName,
  TraceQuery,
  TraceQuestion,
} from '../../core/trace/facts.ts';
import { type AskAll, type Asked, lookUp, type TraceFacts } from '../../core/trace/look-up.ts';
import { readFollowed, readFound, readQuestion } from '../../core/trace/read-facts.ts';
import { readOr } from '../../core/trace/readers.ts';
import { type Story, storyOf } from '../../core/trace/story/index.ts';
import type { Trace } from '../../core/trace/trace.ts';
import type { WorkerGroup } from '../worker-group.ts';

const TRACE_REQUEST = 'trace';

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

  constructor(deps: TraceSourceDeps) {
    this.#deps = deps;
    deps.workers?.onRequest(TRACE_REQUEST, (question) => this.#answer(question));
    deps.nodeQuestions.onQuestion((question) => this.#answer(question));
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

  readonly #askAll = (async (question: TraceQuestion) => {
    const { workers, nodeQuestions } = this.#deps;
    const [others, ofWorkers] = await Promise.all([
      nodeQuestions.ask(question),
      workers?.requestAll(TRACE_REQUEST, question) ?? [],
    ]);
    const given = [...ofWorkers, ...others.answers.map(({ answer }) => answer)];
    const read = question.type === 'find' ? readFound : readFollowed;
    const readable = given.flatMap((answer) => readOr<FoundFacts | FollowedFacts>(read, answer) ?? []);
    return merged([this.#own(question), ...readable], others);
  }) as AskAll;

  #answer(value: unknown): object | undefined {
    const question = readOr(readQuestion, value);
    return question && this.#own(question);
  }

  #own(question: TraceQuestion): FoundFacts | FollowedFacts {
    const { trace, hub, nodeQuestions } = this.#deps;
    const facts = question.type === 'find' ? trace.find(question.query) : trace.follow(question, hub.scopes);
    return { ...facts, node: nodeQuestions.name };
  }
}

/** One answer of each process: a worker of this server may have answered on both ways. */
function merged<Facts extends ProcessName>(answers: readonly Facts[], { silent }: NodeAnswers): Asked<Facts> {
  const byProcess = new Map(answers.map((each) => [each.process, each]));
  const nodes = new Set(answers.map(({ node }) => node));
  return {
    answers: [...byProcess.values()],
    silent: (silent ?? []).filter((node) => !nodes.has(node)),
    isComplete: silent !== undefined,
  };
}
