/** Variable that names a worker's slot. It contains the primary's process id, so that an inherited variable is not mistaken for it. */
export const WORKER_VARIABLE = 'WAVEHALL_WORKER';

export const workerMark = (number: number, primary: number): string => `${number}/${primary}`;

/** Number of the worker that this process is; `undefined` when it is none. */
export function ownNumber(): number | undefined {
  const [number, primary] = (process.env[WORKER_VARIABLE] ?? '').split('/');
  return process.send !== undefined && primary === String(process.ppid) ? Number(number) : undefined;
}
