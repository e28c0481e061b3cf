import type { NodeQuestions } from '../../core/ports/nodes/node-questions.ts';
import { type Reader, readOr } from '../../core/util/readers.ts';
import type { WorkerGroup } from '../worker-group.ts';

/** Answer with the process that gave it. */
interface Named {
  /** Drawn at its start. */
  readonly process: string;
  /** Its name in the cluster; `undefined`: there is none. */
  readonly node?: string | undefined;
}

/** One kind of questions, which each process answers for itself. */
interface Topic<Question extends object, Answer extends Named> {
  /** Its name between the workers of a server. */
  readonly request: string;
  /** This one, in its answers. */
  readonly process: string;
  readonly readQuestion: Reader<Question>;
  readonly readAnswer: (question: Question) => Reader<Answer>;
  readonly answer: (question: Question) => Answer;
}

/** Answers of all processes that gave one. */
export interface Asked<Answer> {
  readonly answers: readonly Answer[];
  /** Nodes that gave none; `undefined`: the nodes are not known, because the shared store does not answer. */
  readonly silent: readonly string[] | undefined;
}

interface Processes {
  /** `undefined`: this process serves alone. */
  readonly workers: WorkerGroup | undefined;
  readonly nodeQuestions: NodeQuestions;
}

/**
 * Answers the questions of a topic from now on, and returns how to ask them: this process, the other workers of this server,
 * and all other nodes (SPEC 16.4). An answer that cannot be read counts as none.
 */
export function askingAll<Question extends object, Answer extends Named>(
  { workers, nodeQuestions }: Processes,
  { request, process, readQuestion, readAnswer, answer }: Topic<Question, Answer>,
): (question: Question) => Promise<Asked<Answer>> {
  const answerOther = (given: unknown): Answer | undefined => {
    const question = readOr(readQuestion, given);
    return question && answer(question);
  };
  workers?.onRequest(request, answerOther);
  nodeQuestions.onQuestion(answerOther);
  return async (question) => {
    const [others, ofWorkers] = await Promise.all([
      nodeQuestions.ask(question),
      workers?.requestAll(request, question) ?? [],
    ]);
    const given = [...ofWorkers, ...others.answers.map((each) => each.answer)];
    const readable = given.flatMap((each) => readOr(readAnswer(question), each) ?? []);
    // A worker of this server may have answered on both ways, and this process among its workers.
    const own = readable.some((each) => each.process === process) ? [] : [answer(question)];
    const answers = [...new Map([...own, ...readable].map((each) => [each.process, each])).values()];
    const heard = new Set(answers.map(({ node }) => node));
    return { answers, silent: others.silent?.filter((node) => !heard.has(node)) };
  };
}
