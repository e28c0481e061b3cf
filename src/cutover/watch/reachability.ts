import { Probe, ProbeRefused } from '../probe/probe.ts';
import type { ProbeSite } from '../probe/probe-site.ts';

const REACHABILITY_TIMEOUT_MS = 5000;

/**
 * Reason why the server cannot be reached; `undefined`: it answers. A server that refuses this probe (origin, used-up
 * quota) can be connected.
 */
export async function whyUnreachable(
  site: ProbeSite,
  timeoutMs = REACHABILITY_TIMEOUT_MS,
): Promise<string | undefined> {
  try {
    const probe = await Probe.open(site, { timeoutMs, received: () => undefined });
    await probe.close();
    return undefined;
  } catch (error) {
    return isAnswer(error) ? undefined : connectErrorReason(error as NodeJS.ErrnoException);
  }
}

/** A protocol error other than "reconnect": the server works (SPEC 2.14). */
const isAnswer = (error: unknown): boolean =>
  error instanceof ProbeRefused && error.code !== undefined && error.code >= 4000 && error.code < 4200;

const connectErrorReason = ({ code, message }: NodeJS.ErrnoException): string =>
  typeof code === 'string' ? code : message;
