import type { CaseTools } from './case-tools.ts';

/** Settings (environment variables) that a case needs of its server. */
export type CaseSettings = Readonly<Record<string, string>>;

/** One conformance case: a rule of the protocol, as a test that runs against any server. */
export interface Case {
  /** Letter of the group and number; never reused. */
  readonly id: string;
  /** Number of the rule in protocol/SPEC.md. */
  readonly rule: string;
  readonly title: string;
  /** The case runs on a server that is started with these settings. */
  readonly needs?: CaseSettings;
  /** The case checks the whole app, or stops its server: no other case runs on that server meanwhile. */
  readonly alone?: boolean;
  readonly limitMs?: number;
  /** The rule is about WebSocket itself: other transports have nothing like it. */
  readonly overWebSocketOnly?: boolean;
  /** Rejects when the server differs from the rule. */
  run(tools: CaseTools): Promise<unknown>;
}

export const GROUPS = {
  C: 'Connection',
  S: 'Subscribe',
  W: 'Client events',
  U: 'Users',
  H: 'HTTP API',
} as const;

/** Returns the group of a case, by the letter of its id. */
export const groupOf = (id: string): string => GROUPS[id[0] as keyof typeof GROUPS];
