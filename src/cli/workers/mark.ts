/** Variable that names a worker's slot. It contains the primary's process id, so that an inherited variable is not mistaken for it. */
export const WORKER_VARIABLE = 'WAVEHALL_WORKER';

/** A worker and the state of its group, as of its start. */
export interface WorkerMark {
  readonly number: number;
  /** Workers of the group that ended unexpectedly before this one started. */
  readonly restarts: number;
}

export const markOf = ({ number, restarts }: WorkerMark, primary: number): string =>
  `${number}/${primary}/${restarts}`;

/** The mark of this process; `undefined` when it is no worker. */
export function ownMark(): WorkerMark | undefined {
  const [number, primary, restarts] = (process.env[WORKER_VARIABLE] ?? '').split('/');
  if (process.send === undefined || primary !== String(process.ppid)) return undefined;
  return { number: Number(number), restarts: Number(restarts) };
}
