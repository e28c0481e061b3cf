import type { App, AppLimits } from '../core/app.ts';
import type { Setting } from '../settings/settings.ts';
import { APP_LIMITS } from './limits.ts';

/** Limits of bytes that are read before the app of their sender is known: the environment bounds those of all rows. */
const BOUNDED = ['requestBytes', 'messageBytes', 'fragmentsPerMessage'] as const;

export type Ceilings = Readonly<Record<(typeof BOUNDED)[number], number>>;

export const ceilingsOf = ({ requestBytes, messageBytes, fragmentsPerMessage }: AppLimits): Ceilings => ({
  requestBytes,
  messageBytes,
  fragmentsPerMessage,
});

/** Upper bound of every message and request body, whatever the settings allow. */
const CEILING_BYTES = 16 * 1024 * 1024;

/** The largest value of each of these limits among all apps; each app's own limit is checked once the app is known. */
export const largestOf = (apps: readonly { readonly limits: Ceilings }[]): Ceilings => {
  const largest = (name: keyof Ceilings): number =>
    Math.max(...apps.map(({ limits }) => Math.min(limits[name] || CEILING_BYTES, CEILING_BYTES)));
  return {
    requestBytes: largest('requestBytes'),
    messageBytes: largest('messageBytes'),
    fragmentsPerMessage: largest('fragmentsPerMessage'),
  };
};

/** Lowers limits of an app to those of the server; each one that was higher is added to `notes`. */
export function withinCeilings(app: App, ceilings: Ceilings, place: string, notes: string[]): App {
  const exceeding = BOUNDED.filter((name) => isAbove(app.limits[name], ceilings[name]));
  if (exceeding.length === 0) return app;
  for (const name of exceeding) {
    const { key = '', name: variable }: Setting<number> = APP_LIMITS[name];
    notes.push(
      `${place}.${key}=${app.limits[name]}: ${ceilings[name]} is used, because ${variable} bounds the apps of a database`,
    );
  }
  const lowered = Object.fromEntries(exceeding.map((name) => [name, ceilings[name]]));
  return Object.freeze({ ...app, limits: { ...app.limits, ...lowered } });
}

/** 0 is no limit. */
const isAbove = (value: number, ceiling: number): boolean => ceiling > 0 && (value === 0 || value > ceiling);
