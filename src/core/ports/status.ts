/**
 * A named part of `GET /admin/status`, contributed by the part of the server that knows it. With several workers each of them
 * reads its own.
 */
export interface StatusSection {
  readonly name: string;
  /** Returns JSON without secrets. A rejection, or no answer in time, is shown in its place. */
  read(): object | Promise<object>;
}
