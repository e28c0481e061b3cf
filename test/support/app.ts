import type { Endpoint } from './wire-http.ts';
import type { Address } from './wire.ts';

/** The app of the tests: also the one that a server serves for development where none is configured. */
export const APP: Readonly<Record<'id' | 'key' | 'secret', string>> = {
  id: 'app-id',
  key: 'app-key',
  secret: 'app-secret',
};

/** The variables that configure it. */
export const APP_VARIABLES = {
  REVERB_APP_ID: APP.id,
  REVERB_APP_KEY: APP.key,
  REVERB_APP_SECRET: APP.secret,
} as const;

/** The app as publishers and clients of this server reach it. */
export const appAt = ({ host, port }: Address): Endpoint => ({ ...APP, host, port, prefix: '' });
