import type { NodeQuestions } from '../../core/ports/nodes/node-questions.ts';
import type { Stores } from '../../core/ports/stores.ts';

type Answer = (question: unknown) => object | undefined;

/** The same stores, whose `nodeQuestions` several parts may answer: `onQuestion` may be called by each of them. */
export const withSharedQuestions = (stores: Stores): Stores => ({
  ...stores,
  nodeQuestions: sharedQuestions(stores.nodeQuestions),
});

/** Lets several parts answer the questions of other nodes: each question is answered by the first part that knows it. */
export function sharedQuestions(questions: NodeQuestions): NodeQuestions {
  const answers: Answer[] = [];
  questions.onQuestion((question) => {
    for (const answer of answers) {
      const given = answer(question);
      if (given !== undefined) return given;
    }
    return undefined;
  });
  return {
    isCluster: questions.isCluster,
    get name() {
      return questions.name;
    },
    onQuestion: (answer) => void answers.push(answer),
    ask: (question) => questions.ask(question),
  };
}
