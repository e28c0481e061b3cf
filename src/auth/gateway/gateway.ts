import type { IncomingHttpHeaders } from 'node:http';
import type { App } from '../../core/app.ts';
import type { AppProvider } from '../../core/ports/apps.ts';
import type { DecisionStore, FoundDecision } from '../../core/ports/decisions.ts';
import type { Refusals } from '../../core/refusals/refusals.ts';
import { Tally } from '../../core/util/tally.ts';
import type { HeaderLine } from '../../net/headers.ts';
import type { HttpAnswer } from '../../net/http-client.ts';
import { type Outcome, RecentDecisions } from '../recent/recent.ts';
import { type Answered, type GatewayAnswer, OwnAnswers } from '../answers.ts';
import { AppUnavailable, type AppUpstream, type OutgoingRequest } from './app-upstream.ts';
import type { TokenRights } from '../rights.ts';
import { credentialsIn } from './credentials.ts';
import { type Decision, decisionIn, signedBody } from './decision.ts';
import {
  GATEWAY_HEADER,
  type GatewayClient,
  incomingHeaders,
  outgoingHeaders,
  outgoingRequest,
  withoutCookies,
} from './outgoing.ts';
import type { GatewayOptions } from './options.ts';
import { Preflights } from './preflights.ts';
import { type AuthRequest, BAD_SOCKET_ID, type Question, questionIn } from './question.ts';
import { questionKey } from './question-key.ts';
import { type Known, Remembered } from './remembered.ts';

export interface GatewayDeps {
  readonly apps: AppProvider;
  readonly decisions: DecisionStore;
  /** `undefined`: tokens alone decide. */
  readonly upstream: AppUpstream | undefined;
  /** `undefined`: no token decides. */
  readonly tokens: TokenRights | undefined;
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

/** An answer, with what was read of its request. */
interface Decided {
  readonly answered: Answered;
  readonly question?: Question | undefined;
  readonly known?: Known | undefined;
}

/** The app's answer, and the decision in it if it has one. */
interface Asked {
  readonly answer: HttpAnswer;
  readonly decision: Decision | undefined;
}

const NOT_KEPT = { text: undefined, ageMs: Infinity };
const JSON_TYPE = { 'content-type': 'application/json', 'cache-control': 'no-store, private' };

/** Answers the questions of clients by what the app allowed a moment ago, or asks it (SPEC 14). */
export class AuthGateway {
  readonly outcomes = new Tally<Outcome>();
  readonly recent = new RecentDecisions();
  readonly #deps: GatewayDeps;
  /** Questions that the app is asked now, by key. */
  readonly #asking = new Map<string, Promise<Asked>>();
  readonly #preflights = new Preflights();
  readonly #remembered: Remembered;
  readonly #own: OwnAnswers;

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
    this.#own = new OwnAnswers(deps.refusals);
    const { ttlMs, staleMs } = deps.options;
    this.#remembered = new Remembered({ ...deps, keepMs: ttlMs + staleMs });
  }

  /** Never rejects but for a defect. */
  async answer(arrived: Arrived): Promise<GatewayAnswer> {
    const decided = await this.#decide(arrived);
    this.outcomes.add(decided.answered.outcome);
    this.#note(arrived, decided);
    return decided.answered;
  }

  async #decide(arrived: Arrived): Promise<Decided> {
    if (arrived.headers[GATEWAY_HEADER] !== undefined)
      return { answered: this.#own.refuse(arrived, 'auth_loop') };
    const question = questionIn(arrived.request);
    if (question === BAD_SOCKET_ID) return { answered: this.#own.refuse(arrived, 'auth_socket_id') };
    const byToken = question && (await this.#byToken(question, arrived));
    if (byToken !== undefined) return { answered: byToken, question };
    if (this.#deps.upstream === undefined)
      return { answered: this.#own.refuse(arrived, 'auth_token', { because: 'no token' }), question };
    const headers = outgoingHeaders(arrived.rawHeaders, arrived.headers, arrived.client);
    const request = outgoingRequest(arrived.request, headers);
    const known = question && this.#known(arrived.request, question, headers);
    const answered = await this.#byApp(known, request, arrived);
    return { answered, question, known };
  }

  async #byApp(known: Known | undefined, request: OutgoingRequest, arrived: Arrived): Promise<Answered> {
    try {
      if (known !== undefined) return await this.#answerKnown(known, request, arrived);
      return await this.#answerUnknown(request, arrived);
    } catch (error) {
      if (!(error instanceof AppUnavailable)) throw error;
      return this.#own.unavailable(error, arrived);
    }
  }

  /** Keeps a question for those who look (SPEC 17.13). A preflight is none. */
  #note({ request, client }: Arrived, { answered, question, known }: Decided): void {
    if (request.method === 'OPTIONS') return;
    this.recent.add({
      atMs: Date.now(),
      purpose: request.purpose,
      channel: question?.channel ?? '',
      socket: question?.socketId ?? '',
      address: client.remoteAddress,
      outcome: answered.outcome,
      status: answered.status,
      question: known && { key: known.key, owners: known.owners, parts: known.parts },
    });
  }

  /** SPEC 15.4. `undefined`: no token decides. */
  async #byToken(question: Question, arrived: Arrived): Promise<Answered | undefined> {
    const { authorization } = arrived.headers;
    const decision = await this.#deps.tokens?.decide({ authorization, channel: question.channel });
    if (decision === undefined) return undefined;
    if (!decision.isAllowed) {
      if (decision.isTemporary)
        return this.#own.unavailable(new AppUnavailable('away', decision.reason), arrived);
      return this.#own.refuse(arrived, 'auth_token', { because: decision.reason });
    }
    const { app, channelData, userData } = decision;
    const fields = {
      ...(channelData !== undefined && { channel_data: channelData }),
      ...(userData !== undefined && { user_data: userData }),
    };
    const [{ key }] = app.credentials;
    return this.#signed({ app: app.id, key, fields, headers: {} }, app, question, 'token');
  }

  /** SPEC 14.3. `undefined`: nothing of the request is remembered. */
  #known(request: AuthRequest, question: Question, headers: readonly HeaderLine[]): Known | undefined {
    const { options } = this.#deps;
    const credentials = credentialsIn(headers, options);
    if (credentials === undefined) return undefined;
    const { ignoredHeaders } = options;
    const { key, parts } = questionKey({ request, question, credentials, headers, ignoredHeaders });
    const owners = [credentials.session, credentials.bearer].filter((each) => each !== undefined);
    return { question, key, owners, parts };
  }

  /** Passes a request on, of which nothing is remembered but the answer to a preflight. */
  async #answerUnknown(request: OutgoingRequest, arrived: Arrived): Promise<Answered> {
    const kept = this.#preflights.find(request);
    if (kept !== undefined) return this.#passOn(kept, arrived, 'hit');
    const answer = await this.#ask(request, arrived);
    this.#preflights.keep(request, answer);
    return this.#passOn(answer, arrived, 'passed_on');
  }

  async #answerKnown(known: Known, request: OutgoingRequest, arrived: Arrived): Promise<Answered> {
    const found = await this.#remembered.find(known);
    const { text, ageMs } = found?.kept ?? NOT_KEPT;
    const isFresh = ageMs < this.#deps.options.ttlMs;
    if (isFresh || (this.#deps.upstream?.isFailing === true && this.#mayBeStale(ageMs))) {
      const answer = await this.#sign(known, text, isFresh ? 'hit' : 'stale');
      if (answer !== undefined) return answer;
    }
    try {
      return await this.#askOnce(known, found, request, arrived);
    } catch (error) {
      // Asks the store again: what was forgotten meanwhile is not used.
      const mayHelp = error instanceof AppUnavailable && this.#mayBeStale(ageMs);
      const stale = mayHelp ? await this.#remembered.find(known) : undefined;
      const answer = await this.#sign(known, stale?.kept?.text, 'stale');
      if (answer !== undefined) return answer;
      throw error;
    }
  }

  #mayBeStale(ageMs: number): boolean {
    const { ttlMs, staleMs } = this.#deps.options;
    return staleMs > 0 && ageMs < ttlMs + staleMs;
  }

  /** Answer by a decision that was found; `undefined`: it cannot be used. */
  async #sign(known: Known, text: string | undefined, outcome: Outcome): Promise<Answered | undefined> {
    const found = await this.#remembered.open(known, text);
    return found && this.#signed(found.decision, found.app, known.question, outcome);
  }

  #signed(decision: Decision, app: App, question: Question, outcome: Outcome): Answered | undefined {
    const body = signedBody(decision, app, question);
    if (body === undefined) return undefined;
    return { status: 200, headers: { ...JSON_TYPE, ...decision.headers }, body, outcome };
  }

  /** SPEC 14.5: equal questions at the same time are asked once. */
  async #askOnce(
    known: Known,
    found: FoundDecision | undefined,
    request: OutgoingRequest,
    arrived: Arrived,
  ): Promise<Answered> {
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
    known: Known,
    request: OutgoingRequest,
    arrived: Arrived,
  ): Promise<Answered> {
    const signed = decision && (await this.#joined(decision, known));
    if (signed !== undefined) return signed;
    if (answer.status === 200) return this.#passOn(await this.#ask(request, arrived), arrived, 'asked');
    // The cookies are those of the client that asked.
    return this.#passOn({ ...answer, headers: withoutCookies(answer.headers) }, arrived, 'joined');
  }

  /** Answer by the decision of a question that was under way; `undefined`: it was forgotten since it was asked. */
  async #joined(decision: Decision, known: Known): Promise<Answered | undefined> {
    const found = await this.#remembered.find(known);
    if (found !== undefined) return this.#sign(known, found.kept?.text, 'joined');
    const app = await this.#deps.apps.byId(decision.app);
    return app && this.#signed(decision, app, known.question, 'joined');
  }

  async #askAndKeep(
    known: Known,
    found: FoundDecision | undefined,
    request: OutgoingRequest,
    arrived: Arrived,
  ): Promise<Asked> {
    const answer = await this.#ask(request, arrived);
    if (answer.status !== 200) return { answer, decision: undefined };
    const decision = await decisionIn(answer, known.question, this.#deps.apps);
    if (typeof decision !== 'string') {
      if (found !== undefined) await this.#remembered.keep(known, decision, found.nowMs);
      return { answer, decision };
    }
    if (decision !== 'form') this.#own.noDecision(arrived, decision);
    return { answer, decision: undefined };
  }

  async #ask(request: OutgoingRequest, { client }: Arrived): Promise<HttpAnswer> {
    const { upstream } = this.#deps;
    if (upstream === undefined) throw new AppUnavailable('away');
    return upstream.ask(request, client.remoteAddress);
  }

  /** SPEC 14.2: the app's answer is the client's; a redirect is a refusal. */
  #passOn({ status, headers, text }: HttpAnswer, arrived: Arrived, outcome: Outcome): Answered {
    if (status < 300 || status >= 400)
      return { status, headers: incomingHeaders(headers), body: text, outcome };
    return this.#own.redirected(headers['set-cookie'], arrived, outcome);
  }
}
