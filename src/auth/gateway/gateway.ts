import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { App } from '../../core/app.ts';
import type { AppProvider } from '../../core/ports/apps.ts';
import { ifUnavailable } from '../../core/ports/failures.ts';
import type { DecisionStore, FoundDecision } from '../../core/ports/stores.ts';
import type { RefusalReason } from '../../core/refusals/reasons.ts';
import type { Refusals } from '../../core/refusals/refusals.ts';
import { ignore } from '../../core/util/ignore.ts';
import { Tally } from '../../core/util/tally.ts';
import type { HeaderLine } from '../../net/headers.ts';
import type { HttpAnswer } from '../../net/http-client.ts';
import { AppUnavailable, type AppUpstream, type OutgoingRequest } from './app-upstream.ts';
import { credentialsIn, type SessionOptions } from './credentials.ts';
import { type Decision, decisionIn, signedBody, userOf } from './decision.ts';
import { GATEWAY_HEADER, type GatewayClient, incomingHeaders, outgoingHeaders } from './outgoing.ts';
import { Preflights } from './preflights.ts';
import { type AuthRequest, BAD_SOCKET_ID, type Question, questionIn } from './question.ts';
import { questionKey } from './question-key.ts';
import { opened, sealed } from './sealed-decision.ts';

/** Bytes of a sealed decision that is remembered. */
export const MAX_DECISION_BYTES = 8 * 1024;

export interface GatewayOptions extends SessionOptions {
  readonly ttlMs: number;
  /** Time after `ttlMs` for which a decision serves while the app is away; 0: none does. */
  readonly staleMs: number;
  /** Names of headers that have no effect on a decision, beside the known ones. */
  readonly ignoredHeaders: readonly string[];
}

export interface GatewayDeps {
  readonly apps: AppProvider;
  readonly decisions: DecisionStore;
  readonly upstream: AppUpstream;
  readonly refusals: Refusals;
  readonly options: GatewayOptions;
}

/** A request of a client, with everything that belongs to it. */
export interface Arrived {
  readonly request: AuthRequest;
  readonly rawHeaders: readonly string[];
  readonly headers: IncomingHttpHeaders;
  readonly client: GatewayClient;
}

export interface GatewayAnswer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: string;
}

/** How a question was answered. */
export type Outcome = 'hit' | 'stale' | 'joined' | 'asked' | 'passed_on' | 'refused' | 'unavailable';

/** A question that may be answered by a decision of before. */
interface Known {
  readonly question: Question;
  readonly key: string;
  readonly owners: readonly string[];
}

/** The app's answer, and the decision in it if it has one. */
interface Asked {
  readonly answer: HttpAnswer;
  readonly decision: Decision | undefined;
}

const NOT_KEPT = { text: undefined, ageMs: Infinity };
const TEXT_TYPE = { 'content-type': 'text/plain; charset=utf-8' };
/** Requests that the app does not see. */
const REFUSED = {
  auth_socket_id: [400, 'The socket_id is not valid.'],
  auth_loop: [508, 'Loop detected.'],
} as const;
const JSON_TYPE = { 'content-type': 'application/json', 'cache-control': 'no-store, private' };

/** Answers the questions of clients by what the app allowed a moment ago, or asks it (SPEC 14). */
export class AuthGateway {
  readonly outcomes = new Tally<Outcome>();
  readonly #deps: GatewayDeps;
  /** Questions that the app is asked now, by key. */
  readonly #asking = new Map<string, Promise<Asked>>();
  readonly #preflights = new Preflights();

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
  }

  /** Never rejects but for a defect. */
  async answer(arrived: Arrived): Promise<GatewayAnswer> {
    if (arrived.headers[GATEWAY_HEADER] !== undefined) return this.#refuse(arrived, 'auth_loop');
    const question = questionIn(arrived.request);
    if (question === BAD_SOCKET_ID) return this.#refuse(arrived, 'auth_socket_id');
    const headers = outgoingHeaders(arrived.rawHeaders, arrived.headers, arrived.client);
    const request = outgoingRequest(arrived.request, headers);
    const known = question && this.#known(arrived.request, question, headers);
    try {
      if (known !== undefined) return await this.#answerKnown(known, request, arrived);
      return this.#passOn(await this.#askUnknown(request, arrived), arrived, 'passed_on');
    } catch (error) {
      if (!(error instanceof AppUnavailable)) throw error;
      return this.#unavailable(error, arrived);
    }
  }

  /** SPEC 14.3. `undefined`: nothing of the request is remembered. */
  #known(request: AuthRequest, question: Question, headers: readonly HeaderLine[]): Known | undefined {
    const { options } = this.#deps;
    const credentials = credentialsIn(headers, options);
    if (credentials === undefined) return undefined;
    const { ignoredHeaders } = options;
    const key = questionKey({ request, question, credentials, headers, ignoredHeaders });
    const owners = [credentials.session, credentials.bearer].filter((each) => each !== undefined);
    return { question, key, owners };
  }

  #askUnknown(request: OutgoingRequest, arrived: Arrived): Promise<HttpAnswer> {
    const ask = (): Promise<HttpAnswer> => this.#ask(request, arrived);
    if (request.method !== 'OPTIONS') return ask();
    return this.#preflights.answer(arrived.request, request.headers, ask);
  }

  async #answerKnown(known: Known, request: OutgoingRequest, arrived: Arrived): Promise<GatewayAnswer> {
    const { decisions, options, upstream } = this.#deps;
    const found = await ifUnavailable(decisions.find(known.key, known.owners), () => undefined);
    const { text, ageMs } = found?.kept ?? NOT_KEPT;
    const isFresh = ageMs < options.ttlMs;
    if (isFresh || (upstream.isFailing && this.#mayBeStale(ageMs))) {
      const answer = await this.#remembered(known, text, isFresh ? 'hit' : 'stale');
      if (answer !== undefined) return answer;
    }
    try {
      return await this.#askOnce(known, found, request, arrived);
    } catch (error) {
      const mayHelp = error instanceof AppUnavailable && this.#mayBeStale(ageMs);
      const answer = mayHelp ? await this.#stale(known) : undefined;
      if (answer !== undefined) return answer;
      throw error;
    }
  }

  /** Asks the store again: what was forgotten meanwhile is not used. */
  async #stale(known: Known): Promise<GatewayAnswer | undefined> {
    const found = await ifUnavailable(this.#deps.decisions.find(known.key, known.owners), () => undefined);
    return this.#remembered(known, found?.kept?.text, 'stale');
  }

  #mayBeStale(ageMs: number): boolean {
    const { ttlMs, staleMs } = this.#deps.options;
    return staleMs > 0 && ageMs < ttlMs + staleMs;
  }

  /** Answer by a decision of the store; `undefined`: it cannot be used. */
  async #remembered(
    { question, key }: Known,
    text: string | undefined,
    outcome: Outcome,
  ): Promise<GatewayAnswer | undefined> {
    const found = text === undefined ? undefined : await opened(text, key, this.#deps.apps);
    return found && this.#signed(found.decision, found.app, question, outcome);
  }

  #signed(decision: Decision, app: App, question: Question, outcome: Outcome): GatewayAnswer | undefined {
    const body = signedBody(decision, app, question);
    if (body === undefined) return undefined;
    this.outcomes.add(outcome);
    return { status: 200, headers: { ...JSON_TYPE, ...decision.headers }, body };
  }

  /** SPEC 14.5: equal questions at the same time are asked once. */
  async #askOnce(
    known: Known,
    found: FoundDecision | undefined,
    request: OutgoingRequest,
    arrived: Arrived,
  ): Promise<GatewayAnswer> {
    const asking = this.#asking.get(known.key);
    if (asking !== undefined) return this.#join(await asking, known, request, arrived);
    const asked = this.#askAndKeep(known, found, request, arrived);
    this.#asking.set(known.key, asked);
    try {
      return this.#passOn((await asked).answer, arrived, 'asked');
    } finally {
      this.#asking.delete(known.key);
    }
  }

  async #join(
    { answer, decision }: Asked,
    { question }: Known,
    request: OutgoingRequest,
    arrived: Arrived,
  ): Promise<GatewayAnswer> {
    const app = decision && (await this.#deps.apps.byId(decision.app));
    const signed = decision && app && this.#signed(decision, app, question, 'joined');
    if (signed !== undefined) return signed;
    if (answer.status === 200) return this.#passOn(await this.#ask(request, arrived), arrived, 'asked');
    // The cookies are those of the client that asked.
    return this.#passOn({ ...answer, headers: withoutCookies(answer.headers) }, arrived, 'joined');
  }

  async #askAndKeep(
    { question, key, owners }: Known,
    found: FoundDecision | undefined,
    request: OutgoingRequest,
    arrived: Arrived,
  ): Promise<Asked> {
    const answer = await this.#ask(request, arrived);
    if (answer.status !== 200) return { answer, decision: undefined };
    const { apps, decisions, options } = this.#deps;
    const decision = await decisionIn(answer, question, apps);
    if (typeof decision === 'string') {
      if (decision !== 'form')
        this.#count(arrived, decision === 'unknown_key' ? 'auth_unknown_key' : 'auth_signature');
      return { answer, decision: undefined };
    }
    const app = await apps.byId(decision.app);
    const text = app && sealed(decision, app, key);
    if (found !== undefined && text !== undefined && text.length <= MAX_DECISION_BYTES) {
      const keepMs = options.ttlMs + options.staleMs;
      const tags = { owners, channel: question.channel, app: decision.app, user: userOf(decision) };
      await ifUnavailable(decisions.keep({ key, text, askedAtMs: found.nowMs, keepMs, ...tags }), ignore);
    }
    return { answer, decision };
  }

  #ask(request: OutgoingRequest, { client }: Arrived): Promise<HttpAnswer> {
    return this.#deps.upstream.ask(request, client.remoteAddress);
  }

  /** SPEC 14.2: the app's answer is the client's; a redirect is a refusal. */
  #passOn({ status, headers, text }: HttpAnswer, arrived: Arrived, outcome: Outcome): GatewayAnswer {
    this.outcomes.add(outcome);
    if (status < 300 || status >= 400) return { status, headers: incomingHeaders(headers), body: text };
    this.#count(arrived, 'auth_redirect');
    const cookies = headers['set-cookie'];
    return {
      status: 403,
      headers: { ...TEXT_TYPE, ...(cookies && { 'set-cookie': cookies }) },
      body: 'Forbidden.',
    };
  }

  #unavailable({ reason, message }: AppUnavailable, arrived: Arrived): GatewayAnswer {
    const [status, body] = reason === 'too_large' ? [502, 'Bad gateway.'] : [503, 'Service unavailable.'];
    this.outcomes.add('unavailable');
    this.#count(arrived, 'auth_unavailable', { because: message });
    return { status, headers: { ...TEXT_TYPE, 'retry-after': '2' }, body };
  }

  #refuse(arrived: Arrived, reason: keyof typeof REFUSED): GatewayAnswer {
    const [status, body] = REFUSED[reason];
    this.outcomes.add('refused');
    this.#count(arrived, reason);
    return { status, headers: TEXT_TYPE, body };
  }

  #count(
    { client, request }: Arrived,
    reason: Extract<RefusalReason, `auth_${string}`>,
    more: Readonly<Record<string, string>> = {},
  ): void {
    this.#deps.refusals.count(reason, {
      address: client.remoteAddress,
      path: request.path.slice(0, 200),
      ...more,
    });
  }
}

const withoutCookies = (headers: IncomingHttpHeaders): IncomingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'set-cookie'));

const outgoingRequest = (
  { method, path, rawQuery, body }: AuthRequest,
  headers: readonly (readonly [string, string])[],
): OutgoingRequest => ({
  method,
  target: rawQuery === '' ? path : `${path}?${rawQuery}`,
  headers: {
    ...Object.fromEntries(headers),
    'Accept-Encoding': 'identity',
    ...(body.length > 0 && { 'Content-Length': String(body.length) }),
  },
  body,
});
