import type { Kind, Setting } from '../apps/settings.ts';

/** A setting of the server. */
export const setting = <T>(name: string, kind: Kind<T>, fallback: unknown, doc: string): Setting<T> => ({
  name,
  kind,
  fallback: String(fallback),
  doc,
});
