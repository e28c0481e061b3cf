import { randomUUID } from 'node:crypto';
import type { NodeAnswers, NodeQuestions } from '../../core/ports/nodes/node-questions.ts';

/** Questions of a single node: there is no other that could be asked. */
export class MemoryNodeQuestions implements NodeQuestions {
  readonly name: string = randomUUID();
  readonly isCluster = false;

  onQuestion(): void {
    // No other node asks.
  }

  ask(): Promise<NodeAnswers> {
    return Promise.resolve({ answers: [], silent: [] });
  }
}
