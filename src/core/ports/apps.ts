import type { App } from '../app.ts';

/** Finds applications. `undefined`: there is none. Rejects when the provider cannot be reached. */
export interface AppProvider {
  byKey(key: string): Promise<App | undefined>;
  byId(id: string): Promise<App | undefined>;
}

/** The right that a token gives to its owner, on one connection (SPEC 15.5). */
export interface TokenRight {
  /** The `user_data` of SPEC 6.1. */
  readonly userData: string;
  /** Unix time in milliseconds; `undefined`: the right has no end. */
  readonly expiresAtMs: number | undefined;
  /** The `channel_data` of a member, where the channel has some; `undefined`: the owner may not enter the channel, or not any more. */
  enter(channel: string): { readonly channelData: string | undefined } | undefined;
}

/** A token that gives no right. `cause`: a word for the log, which has nothing of the token. */
export interface RefusedToken {
  readonly cause: string;
  /** The same token may be valid in a moment: its key is not known yet. */
  readonly isTemporary: boolean;
}

/** Verifies tokens of clients (SPEC 15). */
export interface ClientTokens {
  /** SPEC 15.6: a connection is closed when its right ends. */
  readonly closesExpired: boolean;
  /** Rejects only for a defect. */
  accept(app: App, token: string): Promise<TokenRight | RefusedToken>;
}
