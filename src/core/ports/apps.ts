import type { App } from '../app.ts';
import type { TokenRight } from '../client/token-right.ts';

/** Finds applications. `undefined`: there is none. Rejects with `Unavailable` when the provider cannot be reached. */
export interface AppProvider {
  byKey(key: string): Promise<App | undefined>;
  byId(id: string): Promise<App | undefined>;
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

/** An application before and after a change. */
export interface AppChange {
  /** `undefined`: it is new. */
  readonly before: App | undefined;
  /** `undefined`: it is removed. */
  readonly after: App | undefined;
}

/** All applications of this server, which may change while it runs (SPEC 2.18). */
export interface Apps extends AppProvider {
  /** False until they were read once. */
  readonly isKnown: boolean;
  /** The same list until an application changes; an application is the same object until it changes. */
  readonly all: readonly App[];
  /** The application as it is now. */
  get(id: string): App | undefined;
  /** Calls back after each change. */
  onChange(listener: (changes: readonly AppChange[]) => void): void;
}
