import type { NodeQuestions } from '../../core/ports/nodes/node-questions.ts';

type Answer = (question: unknown) => object | undefined;

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
    get name() {
      return questions.name;
    },
    onQuestion: (answer) => void answers.push(answer),
    ask: (question) => questions.ask(question),
  };
}
