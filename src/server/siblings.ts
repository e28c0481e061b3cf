/** The workers of one machine that serve one port, as one of them sees them. */
export interface Siblings {
  readonly count: number;
  /** Resolves when this one may open the door. */
  mayOpen(): Promise<void>;
  /** What this one answers whenever anybody asks all of them. */
  answer(question: string, how: () => unknown): void;
  /** The answers of all that are there and answer in time, this one's among them. */
  askAll(question: string): Promise<readonly unknown[]>;
}
