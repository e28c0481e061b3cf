import type { OutgoingHttpHeaders } from 'node:http';
import type { RefusalReason } from '../core/refusals/reasons.ts';
import type { Refusals } from '../core/refusals/refusals.ts';
import type { Outcome } from './recent/recent.ts';

/** A request of a client, as far as a refusal names it. */
interface Asking {
  readonly request: { readonly path: string };
  readonly client: { readonly remoteAddress: string };
}

export interface GatewayAnswer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: string;
}

/** An answer, and how it was found. */
export interface Answered extends GatewayAnswer {
  readonly outcome: Outcome;
}

const TEXT_TYPE = { 'content-type': 'text/plain; charset=utf-8' };
/** Requests that the app does not see. */
const REFUSED = {
  auth_socket_id: [400, 'The socket_id is not valid.'],
  auth_loop: [508, 'Loop detected.'],
  auth_token: [403, 'Forbidden.'],
} as const;

/** Answers of the gateway itself, which are counted as refusals. */
export class OwnAnswers {
  readonly #refusals: Pick<Refusals, 'count'>;

  constructor(refusals: Pick<Refusals, 'count'>) {
    this.#refusals = refusals;
  }

  refuse(arrived: Asking, reason: keyof typeof REFUSED, more?: Readonly<Record<string, string>>): Answered {
    const [status, body] = REFUSED[reason];
    this.#count(arrived, reason, more);
    return { status, headers: TEXT_TYPE, body, outcome: 'refused' };
  }

  unavailable(
    { reason, message }: { readonly reason: string; readonly message: string },
    arrived: Asking,
  ): Answered {
    const [status, body] = reason === 'too_large' ? [502, 'Bad gateway.'] : [503, 'Service unavailable.'];
    this.#count(arrived, 'auth_unavailable', { because: message });
    return { status, headers: { ...TEXT_TYPE, 'retry-after': '2' }, body, outcome: 'unavailable' };
  }

  /** SPEC 14.2: a redirect of the app is a refusal. */
  redirected(cookies: readonly string[] | undefined, arrived: Asking, outcome: Outcome): Answered {
    this.#count(arrived, 'auth_redirect');
    const headers = { ...TEXT_TYPE, ...(cookies && { 'set-cookie': [...cookies] }) };
    return { status: 403, headers, body: 'Forbidden.', outcome };
  }

  /** Counts an answer that the app's own answer is passed on with. */
  noDecision(arrived: Asking, reason: 'unknown_key' | 'signature'): void {
    this.#count(arrived, `auth_${reason}`);
  }

  #count(
    { client, request }: Asking,
    reason: Extract<RefusalReason, `auth_${string}`>,
    more: Readonly<Record<string, string>> = {},
  ): void {
    this.#refusals.count(reason, {
      address: client.remoteAddress,
      path: request.path.slice(0, 200),
      ...more,
    });
  }
}
