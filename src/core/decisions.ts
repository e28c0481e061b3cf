import type { DecisionTags, Forgotten } from './ports/decisions.ts';

export interface DecisionLimits {
  /** Sessions and tokens whose decisions are kept, on all nodes; beyond, those that end first are dropped. */
  readonly owners: number;
  /** Decisions of one of them. */
  readonly perOwner: number;
}

export const DEFAULT_DECISION_LIMITS: DecisionLimits = { owners: 50_000, perOwner: 200 };

/** The longest time for which a decision is kept. */
export const MAX_KEEP_MS = 2 * 24 * 3_600_000;
/** Time after which a decision that was forgotten is kept by nobody any more. */
export const FORGET_MS = MAX_KEEP_MS + 3_600_000;
/** Things to forget that are known at once; beyond, all decisions are forgotten. */
export const MAX_FORGOTTEN = 100_000;

/** Tag of decisions whose user the app has not named. */
export const UNKNOWN_USER = 'user?';

export const tagsOf = ({ owners, channel }: Pick<DecisionTags, 'owners' | 'channel'>): string[] => [
  ...owners.map((digest) => `owner:${digest}`),
  `channel:${channel}`,
];

export const userTag = (app: string, user: string): string => `user:${Buffer.byteLength(app)}:${app}:${user}`;

/** Tags whose decisions are forgotten. With a user go those whose user is not known: they may be this one's. */
export function forgottenTags(forgotten: Forgotten): string[] {
  switch (forgotten.what) {
    case 'all':
      return ['all'];
    case 'owner':
      return [`owner:${forgotten.digest}`];
    case 'channel':
      return [`channel:${forgotten.channel}`];
    case 'user':
      return [userTag(forgotten.app, forgotten.user), UNKNOWN_USER];
  }
}
