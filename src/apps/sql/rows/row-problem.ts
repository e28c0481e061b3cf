/** A fault of one row. The others are served. */
export interface RowProblem {
  readonly id: string;
  readonly problem: string;
  /** True: the app goes on as its row was before. */
  readonly isServed: boolean;
}
