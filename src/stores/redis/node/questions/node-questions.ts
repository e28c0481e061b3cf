import { randomBytes } from 'node:crypto';
import type { NodeAnswers, NodeQuestions } from '../../../../core/ports/nodes/node-questions.ts';
import { ignore } from '../../../../core/util/ignore.ts';
import { within } from '../../../../core/util/time.ts';
import type { InvalidData } from '../../health/invalid-data.ts';
import type { Keys } from '../../keys.ts';
import type { Links } from '../../link/links.ts';
import type { NodeLease } from '../../status.ts';
import {
  type AnswerMessage,
  decodeAnswer,
  decodeQuestion,
  encodeMessage,
  LONGEST_ANSWER_BYTES,
  LONGEST_QUESTION_BYTES,
  type QuestionMessage,
} from './question-message.ts';

/** Time that the nodes have. */
export const ANSWER_MS = 1000;
export const MOST_ANSWERS = 128;
/** Questions that a node answers in a second. */
export const MOST_PER_SECOND = 50;

interface RedisNodeQuestionsDeps {
  readonly links: Links;
  readonly keys: Keys;
  readonly invalidData: InvalidData;
  /** Names of this node and of all nodes that have a lease. */
  readonly nodes: { readonly ownId: () => string; readonly leases: () => Promise<readonly NodeLease[]> };
}

/** A question that waits for answers. */
interface Open {
  readonly answers: Map<string, unknown>;
  /** Nodes that have not answered; `undefined`: they are not known yet. */
  missing: Set<string> | undefined;
  readonly done: () => void;
}

/** Asks over a Redis channel of all nodes; the answers come on one of this node alone. */
export class RedisNodeQuestions implements NodeQuestions {
  readonly isCluster = true;
  readonly #deps: RedisNodeQuestionsDeps;
  readonly #address = randomBytes(12).toString('base64url');
  readonly #questions: string;
  readonly #answers: string;
  readonly #open = new Map<number, Open>();
  #answer: (question: unknown) => object | undefined = () => undefined;
  #last = 0;
  #secondMs = 0;
  #answeredInSecond = 0;

  constructor(deps: RedisNodeQuestionsDeps) {
    const { links, keys } = deps;
    this.#deps = deps;
    this.#questions = keys.nodeQuestions();
    this.#answers = keys.nodeAnswers(this.#address);
    links.subscriber.events.on('message', (channel, bytes) => {
      if (channel === this.#questions) this.#onQuestion(bytes);
      else if (channel === this.#answers) this.#onAnswer(bytes);
    });
    const subscribe = (): Promise<unknown> => links.subscriber.subscribe([this.#questions, this.#answers]);
    links.subscriber.events.on('up', () => void subscribe().catch(ignore));
  }

  get name(): string {
    return this.#deps.nodes.ownId();
  }

  onQuestion(answer: (question: unknown) => object | undefined): void {
    this.#answer = answer;
  }

  async ask(question: object): Promise<NodeAnswers> {
    const { links, nodes } = this.#deps;
    if (!links.isUp) return { answers: [], silent: undefined };
    const number = (this.#last += 1);
    const message = encodeMessage({ from: this.#address, scope: this.#scope, number, question });
    if (Buffer.byteLength(message) > LONGEST_QUESTION_BYTES) return { answers: [], silent: [] };
    const answers = new Map<string, unknown>();
    const complete = new Promise<void>((resolve) => {
      this.#open.set(number, { answers, missing: undefined, done: resolve });
    });
    links.publish(this.#questions, message).catch(ignore);
    const others = nodes.leases().then(
      (leases) => this.#expect(number, leases),
      () => undefined,
    );
    await within(complete, ANSWER_MS);
    this.#open.delete(number);
    const expected = await within(others, 0);
    return {
      answers: [...answers].map(([node, answer]) => ({ node, answer })),
      silent: expected?.filter((node) => !answers.has(node)),
    };
  }

  get #scope(): string {
    return this.#deps.keys.scopeOf('');
  }

  /** Ends the wait as soon as all other nodes have answered. Returns their names. */
  #expect(number: number, leases: readonly NodeLease[]): readonly string[] {
    const others = leases.map(({ node }) => node).filter((node) => node !== this.name);
    const open = this.#open.get(number);
    if (open !== undefined) {
      open.missing = new Set(others.filter((node) => !open.answers.has(node)));
      if (open.missing.size === 0) open.done();
    }
    return others;
  }

  #onQuestion(bytes: Buffer): void {
    const message = decodeQuestion(bytes);
    if (message === undefined) return this.#deps.invalidData.addMessage(this.#questions);
    if (message === 'newer' || message.scope !== this.#scope || message.from === this.#address) return;
    if (!this.#mayAnswer()) return;
    const answer = this.#answer(message.question);
    if (answer !== undefined) this.#send(message, answer);
  }

  #send({ from, number }: QuestionMessage, answer: object): void {
    const { links, keys } = this.#deps;
    const text = encodeMessage({ from: this.name, scope: this.#scope, number, answer });
    if (Buffer.byteLength(text) <= LONGEST_ANSWER_BYTES)
      links.publish(keys.nodeAnswers(from), text).catch(ignore);
  }

  #onAnswer(bytes: Buffer): void {
    const message = decodeAnswer(bytes);
    if (message === undefined) return this.#deps.invalidData.addMessage(this.#answers);
    if (message !== 'newer' && message.scope === this.#scope) this.#take(message);
  }

  #take({ from, number, answer }: AnswerMessage): void {
    const open = this.#open.get(number);
    if (open === undefined || open.answers.has(from) || open.answers.size >= MOST_ANSWERS) return;
    open.answers.set(from, answer);
    open.missing?.delete(from);
    if (open.missing?.size === 0) open.done();
  }

  #mayAnswer(): boolean {
    const now = performance.now();
    if (now - this.#secondMs >= 1000) [this.#secondMs, this.#answeredInSecond] = [now, 0];
    this.#answeredInSecond += 1;
    return this.#answeredInSecond <= MOST_PER_SECOND;
  }
}
