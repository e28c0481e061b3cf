import type { App } from '../core/app.ts';

/** Decision about one request to the gateway. */
export type TokenDecision =
  | {
      readonly isAllowed: true;
      readonly app: App;
      /** The `channel_data` of a member, where the channel has some. */
      readonly channelData?: string;
      /** The `user_data` of a sign-in. */
      readonly userData?: string;
      /** Unix time in milliseconds; `undefined`: the right has no end. */
      readonly expiresAtMs: number | undefined;
    }
  | {
      readonly isAllowed: false;
      /** A word for the log, which has nothing of the token. */
      readonly reason: string;
      /** The same request may be allowed in a moment. */
      readonly isTemporary: boolean;
    };

/** Decides by a bearer token what its owner may do, without asking the app. */
export interface TokenRights {
  /**
   * `channel`: empty for a sign-in. `undefined`: the credentials are not a token, or no rule decides and the app is to be asked.
   */
  decide(request: {
    readonly authorization: string | undefined;
    readonly channel: string;
  }): Promise<TokenDecision | undefined>;
}
