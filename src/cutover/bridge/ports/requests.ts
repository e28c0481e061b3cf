/** Result of a request: `failed` was not carried out, `broken` may have been, `late` may still be. */
export type RequestOutcome =
  | { readonly kind: 'taken'; readonly text: string }
  | { readonly kind: 'refused'; readonly status: number; readonly text: string }
  | { readonly kind: 'failed'; readonly text: string }
  | { readonly kind: 'broken' | 'late'; readonly text: string };

/** Signed requests to the upstream's HTTP API about one app; `path` follows `/apps/{id}`. Never reject. */
export interface UpstreamRequests {
  post(path: string, body: string): Promise<RequestOutcome>;
  /** Text of the answer; `undefined` when there is no good one. */
  get(path: string, query?: Readonly<Record<string, string>>): Promise<string | undefined>;
}
