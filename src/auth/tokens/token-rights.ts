import { isChannelName, kindOf, parseUserData } from '#protocol';
import type { App } from '../../core/app.ts';
import type { TokenRight } from '../../core/client/token-right.ts';
import type { AppProvider, ClientTokens, RefusedToken } from '../../core/ports/apps.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { Tally } from '../../core/util/tally.ts';
import { type Claims, pickClaims } from '../rules/claims.ts';
import { userDataOf } from '../rules/member.ts';
import { claimNamesIn, decide, type RuleDecision, type RuleRefusal } from '../rules/rule-set.ts';
import { TokenError, type TokenFault } from './faults.ts';
import { isTokenShaped } from './header.ts';
import type { TokenDecision, TokenRights } from '../rights.ts';
import type { TokenOptions } from './options.ts';
import type { TokenVerifier } from './verifier.ts';

/** Cause of a refusal, as the log and metrics name it. `shared_secret`: only the app can give the key of an encrypted channel. */
export type RefusalCause = TokenFault | RuleRefusal | 'app' | 'user' | 'channel_name' | 'shared_secret';

/** Decision of the rules about a channel of the app; a name that no channel may have is refused before they are read. */
export type ChannelDecision =
  RuleDecision | { readonly outcome: 'refused'; readonly index: undefined; readonly reason: 'channel_name' };

interface TokenDeps {
  readonly apps: AppProvider;
  readonly verifier: TokenVerifier;
  readonly clock: Clock;
}

/** The rights of tokens (SPEC 15): for requests to the gateway, and for sockets that sign in. */
export class Tokens implements TokenRights, ClientTokens {
  readonly #options: TokenOptions;
  readonly #deps: TokenDeps;
  readonly #claimNames: ReadonlySet<string>;
  /** Decisions about channels. */
  readonly decisions = new Tally<'allowed' | 'refused' | 'asked'>();

  constructor(options: TokenOptions, deps: TokenDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#claimNames = claimNamesIn(options.rules);
  }

  get closesExpired(): boolean {
    return this.#options.closesExpired;
  }

  async decide({
    authorization,
    channel,
  }: Parameters<TokenRights['decide']>[0]): Promise<TokenDecision | undefined> {
    const token = bearerIn(authorization);
    if (token === undefined) return undefined;
    try {
      const { claims, expiresAtMs } = await this.#deps.verifier.verify(token);
      const app = await this.#deps.apps.byId(this.#options.app);
      if (app?.enabled !== true) return refused('app');
      const rights = { app, claims, expiresAtMs };
      return channel === '' ? this.#decideUser(rights) : this.#decideChannel(rights, channel);
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      if (error.fault !== 'keys_unavailable') return refused(error.fault);
      return this.#options.asksOtherwise ? undefined : { ...refused(error.fault), isTemporary: true };
    }
  }

  async accept(app: App, token: string): Promise<TokenRight | RefusedToken> {
    if (app.id !== this.#options.app) return { cause: 'app', isTemporary: false };
    try {
      const { claims, expiresAtMs } = await this.#deps.verifier.verify(token);
      const userData = this.userDataOf(app, claims);
      if (userData === undefined) return { cause: 'user', isTemporary: false };
      return this.#rightOf(app, pickClaims(claims, this.#claimNames), userData, expiresAtMs);
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      return { cause: error.fault, isTemporary: error.fault === 'keys_unavailable' };
    }
  }

  /** The `user_data` of the sign-in; `undefined`: no usable user. */
  userDataOf({ limits, extraChannelCharacters: extraCharacters }: App, claims: Claims): string | undefined {
    const userData = userDataOf(this.#options.rules.signIn, claims);
    const user = userData === undefined ? undefined : parseUserData(userData, { ...limits, extraCharacters });
    return user && userData;
  }

  /** Decides about a channel of the app. */
  decideChannel(app: App, claims: Claims, channel: string): ChannelDecision {
    const { limits, extraChannelCharacters } = app;
    if (!isChannelName(channel, limits.channelNameLength, extraChannelCharacters) || !kindOf(channel).signed)
      return { outcome: 'refused', index: undefined, reason: 'channel_name' };
    return decide(this.#options.rules, claims, channel);
  }

  /**
   * Answer of the gateway to a decision. Encrypted channels are left to the app even if they are allowed, because it alone has
   * the key that the client needs.
   */
  gatewayAnswer(decision: ChannelDecision, channel: string): 'allow' | 'ask' | RefusalCause {
    const otherwise = (cause: RefusalCause) => (this.#options.asksOtherwise ? 'ask' : cause);
    if (decision.outcome === 'uncovered') return otherwise('no_rule');
    if (decision.outcome === 'refused') return decision.reason;
    return kindOf(channel).encrypted ? otherwise('shared_secret') : 'allow';
  }

  #decideUser({ app, claims, expiresAtMs }: Rights): TokenDecision {
    const userData = this.userDataOf(app, claims);
    return userData === undefined ? refused('user') : { isAllowed: true, app, userData, expiresAtMs };
  }

  #decideChannel({ app, claims, expiresAtMs }: Rights, channel: string): TokenDecision | undefined {
    const decision = this.decideChannel(app, claims, channel);
    const answer = this.gatewayAnswer(decision, channel);
    this.decisions.add(answer === 'allow' ? 'allowed' : answer === 'ask' ? 'asked' : 'refused');
    if (answer === 'ask') return undefined;
    if (answer !== 'allow' || decision.outcome !== 'allowed') return refused(answer as RefusalCause);
    const { channelData } = decision;
    return { isAllowed: true, app, expiresAtMs, ...(channelData !== undefined && { channelData }) };
  }

  #rightOf(app: App, claims: Claims, userData: string, expiresAtMs: number | undefined): TokenRight {
    const enter = (channel: string) => {
      const isOver = expiresAtMs !== undefined && expiresAtMs <= this.#deps.clock();
      const decision = isOver ? undefined : this.decideChannel(app, claims, channel);
      this.decisions.add(decision?.outcome === 'allowed' ? 'allowed' : 'refused');
      return decision?.outcome === 'allowed' ? { channelData: decision.channelData } : undefined;
    };
    return { userData, expiresAtMs, enter };
  }
}

interface Rights {
  readonly app: App;
  readonly claims: Claims;
  readonly expiresAtMs: number | undefined;
}

const refused = (reason: RefusalCause): TokenDecision & { readonly isAllowed: false } => ({
  isAllowed: false,
  reason,
  isTemporary: false,
});

/** The token of an `Authorization` header; `undefined`: it has another scheme, or what follows is no token. */
function bearerIn(authorization: string | undefined): string | undefined {
  const token = /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
  return token !== undefined && isTokenShaped(token) ? token : undefined;
}
