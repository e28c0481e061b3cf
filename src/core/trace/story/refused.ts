import type { OutcomeFacts, RefusalFacts } from '../facts.ts';
import { type Cause, type Finding, finding } from './finding.ts';
import { duration, named, timeOf } from './words.ts';

/** Refusals of publishers, by their reason. */
const PUBLISHERS: Readonly<Record<string, Cause | undefined>> = {
  http_signature: 'refused_signature',
  http_timestamp: 'refused_clock',
  http_unknown_app: 'refused_app',
  app_disabled: 'refused_app',
  http_not_found: 'refused_app',
  http_size: 'refused_size',
  http_rate: 'refused_rate',
  http_unavailable: 'refused_unavailable',
  http_unknown_outcome: 'refused_unavailable',
  http_request: 'refused_invalid',
  http_idempotency: 'refused_invalid',
};

const ADVICE: Readonly<Partial<Record<Cause, string>>> = {
  refused_signature: 'is REVERB_APP_SECRET the same in Laravel?',
  refused_clock: 'set the clocks of both machines (NTP)',
  refused_size: 'send less, for example an id instead of the model, or raise the limit',
  refused_rate: 'WAVEHALL_MAX_REQUESTS_PER_SECOND',
  refused_app: 'is REVERB_APP_ID the same in Laravel, and the app enabled?',
  refused_unavailable: 'Redis is out of reach, or subscribers do not read fast enough; Laravel can try again',
};

/** Finding about the refusal of the request itself. */
export function outcomeFinding(outcome: OutcomeFacts): Finding[] {
  const { status, answer = '' } = outcome;
  if (status === 200) return [];
  const cause = causeOf(status);
  const advice = ADVICE[cause];
  const said = answer === '' ? '' : ` “${answer}”`;
  return [
    finding(
      cause,
      `refused with ${status}${said}${sizes(outcome)}${advice === undefined ? '' : `: ${advice}`}`,
    ),
  ];
}

function causeOf(status: number): Cause {
  if (status === 401) return 'refused_signature';
  if (status === 413) return 'refused_size';
  if (status === 429) return 'refused_rate';
  if (status === 403 || status === 404) return 'refused_app';
  return status >= 500 ? 'refused_unavailable' : 'refused_invalid';
}

interface Sizes {
  readonly sizeBytes?: string | number | undefined;
  readonly limitBytes?: string | number | undefined;
}

function sizes({ sizeBytes, limitBytes }: Sizes): string {
  if (sizeBytes === undefined) return '';
  return ` (${sizeBytes} bytes${limitBytes === undefined ? '' : `, ${limitBytes} are allowed`})`;
}

/** Findings about requests of publishers that were refused since a time. */
export const publisherFindings = (refusals: readonly RefusalFacts[], sinceMs: number): Finding[] =>
  refusals.flatMap((refusal) => {
    const { reason, count, lastMs, example } = refusal;
    const cause = example.path === undefined ? undefined : PUBLISHERS[reason];
    if (cause === undefined || lastMs < sinceMs) return [];
    const app = reason === 'http_unknown_app' ? ` for the app ${named(String(example.app))}` : '';
    const path = reason === 'http_not_found' ? ` at ${named(String(example.path))}` : '';
    const details = `${clockOff(example)}${sizes(example)}${app}${path}`;
    const from = `from ${String(example.address)}, the last at ${timeOf(lastMs)}`;
    const advice = ADVICE[cause];
    return [
      finding(
        cause,
        `${count} refused with ${String(example.status)}${details}, ${from}${advice === undefined ? '' : `: ${advice}`}`,
      ),
    ];
  });

/** ` (clock 11 minutes off)`. */
const clockOff = ({ clockOffSeconds }: RefusalFacts['example']): string =>
  clockOffSeconds === undefined ? '' : ` (clock ${duration(Math.abs(Number(clockOffSeconds)) * 1000)} off)`;
