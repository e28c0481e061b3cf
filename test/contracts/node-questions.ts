import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HOSTILE_NAMES, type Implementation, openStores } from './capabilities.ts';

/** The contract of `NodeQuestions`, for every implementation: of a node that is alone. */
export function nodeQuestionsContract(implementation: Implementation): void {
  describe('node questions', () => {
    let node: Awaited<ReturnType<typeof openStores>>;
    beforeEach(async () => {
      node = await openStores(implementation);
    });
    afterEach(() => node.close());

    test('16.4 a node has a name, and knows whether there may be others', () => {
      const { nodeQuestions } = node;
      expect(nodeQuestions.name).toMatch(/^[\w-]{1,64}$/);
      expect(nodeQuestions.name).toBe(nodeQuestions.name);
      expect(nodeQuestions.isCluster).toBe(implementation.isShared === true);
    });

    test('16.4 a node asks all others and not itself, whatever it asks, and several questions at once', async () => {
      const { nodeQuestions } = node;
      const asked: unknown[] = [];
      nodeQuestions.onQuestion((question) => {
        asked.push(question);
        return {};
      });
      const names = [...HOSTILE_NAMES, 'a'.repeat(100_000)];
      const answers = await Promise.all(names.map((name) => nodeQuestions.ask({ [name]: name })));
      expect(answers).toEqual(names.map(() => ({ answers: [], silent: [] })));
      expect(asked).toEqual([]);
    });

    test('16.4 a question is answered also when the stores are closed', async () => {
      await node.close();
      expect((await node.nodeQuestions.ask({})).answers).toEqual([]);
    });
  });
}
