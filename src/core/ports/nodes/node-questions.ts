/** Answers of the nodes to a question. */
export interface NodeAnswers {
  /** By the node; in each the answer as it was sent. Nothing in it is trusted. */
  readonly answers: readonly { readonly node: string; readonly answer: unknown }[];
  /** Nodes that have a lease and gave no answer; `undefined`: the nodes are not known, because the shared store does not answer. */
  readonly silent: readonly string[] | undefined;
}

/** Questions to every other node of the cluster (SPEC 16.4). */
export interface NodeQuestions {
  /** Name of this node now. */
  readonly name: string;
  /** False: this node is the only one, so that nobody is asked. */
  readonly isCluster: boolean;
  /** Called once. `answer`: returns what is sent, as JSON; `undefined`: it is no question that this version knows. */
  onQuestion(answer: (question: unknown) => object | undefined): void;
  /** Asks all nodes but this one. Resolves within a second, also without the shared store. Never rejects. */
  ask(question: object): Promise<NodeAnswers>;
}
