/** Variable that names a worker's slot. The primary's process id in it tells it from one that was inherited. */
export const WORKER_VARIABLE = 'WAVEHALL_WORKER';

export const workerMark = (number: number, primary: number): string => `${number}/${primary}`;

/** Number of the worker that this process is; `undefined` when it is none. */
export function ownNumber(): number | undefined {
  const [number, primary] = (process.env[WORKER_VARIABLE] ?? '').split('/');
  return process.send !== undefined && primary === String(process.ppid) ? Number(number) : undefined;
}
