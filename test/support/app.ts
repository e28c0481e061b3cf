import type { Endpoint } from './wire-http.ts';
import type { Address } from './wire.ts';

/** App of the tests; the same as the development app of a server without a configured app. */
export const APP: Readonly<Record<'id' | 'key' | 'secret', string>> = {
  id: 'app-id',
  key: 'app-key',
  secret: 'app-secret',
};

/** Environment variables that configure this app. */
export const APP_VARIABLES = {
  REVERB_APP_ID: APP.id,
  REVERB_APP_KEY: APP.key,
  REVERB_APP_SECRET: APP.secret,
} as const;

/** The app with the address of a server. */
export const appAt = ({ host, port }: Address): Endpoint => ({ ...APP, host, port, prefix: '' });
