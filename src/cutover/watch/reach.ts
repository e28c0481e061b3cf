import { Probe, ProbeRefused } from '../probe/probe.ts';
import type { ProbeSite } from '../probe/probe-site.ts';

const TIMEOUT_MS = 5000;

/**
 * Why nobody can connect to the server at this moment; `undefined`: it answers. A server that says no to this probe (an
 * origin, a quota that clients have used up) is there.
 */
export async function whyAway(site: ProbeSite, timeoutMs = TIMEOUT_MS): Promise<string | undefined> {
  try {
    const probe = await Probe.open(site, { timeoutMs, heard: () => undefined });
    await probe.close();
    return undefined;
  } catch (error) {
    return isAnswer(error) ? undefined : reasonIn(error as NodeJS.ErrnoException);
  }
}

/** Codes of the protocol, other than "come again": the server is at work (SPEC 2.14). */
const isAnswer = (error: unknown): boolean =>
  error instanceof ProbeRefused && error.code !== undefined && error.code >= 4000 && error.code < 4200;

const reasonIn = ({ code, message }: NodeJS.ErrnoException): string =>
  typeof code === 'string' ? code : message;
