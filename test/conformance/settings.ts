// The settings that cases need. Laravel Reverb has the same REVERB_* settings.

export const APP = { id: '3', key: '278d425bdf160c739803', secret: '7ad3773142a6692b25b8' } as const;

/** The environment of the app under test. */
export const APP_ENV = {
  REVERB_APP_ID: APP.id,
  REVERB_APP_KEY: APP.key,
  REVERB_APP_SECRET: APP.secret,
} as const;

/** Origins that are allowed on the server of the origin cases. */
export const ORIGINS = 'app.test,*.foo.test,https://exact.test:8443';

export const needs = {
  prefix: { REVERB_SERVER_PATH: '/rt' },
  activityTimeout: { REVERB_APP_ACTIVITY_TIMEOUT: '45' },
  oneConnection: { REVERB_APP_MAX_CONNECTIONS: '1' },
  smallMessages: { REVERB_APP_MAX_MESSAGE_SIZE: '200' },
  rateLimited: {
    REVERB_APP_RATE_LIMITING_ENABLED: 'true',
    REVERB_APP_RATE_LIMIT_MAX_ATTEMPTS: '5',
  },
  rateTerminated: {
    REVERB_APP_RATE_LIMITING_ENABLED: 'true',
    REVERB_APP_RATE_LIMIT_MAX_ATTEMPTS: '5',
    REVERB_APP_RATE_LIMIT_TERMINATE: 'true',
  },
  smallRequests: { REVERB_MAX_REQUEST_SIZE: '1000' },
  clientEventsFromNone: { REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM: 'none' },
  clientEventsFromAll: { REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM: 'all' },
  quickPings: { REVERB_APP_PING_INTERVAL: '1', WAVEHALL_PONG_TIMEOUT: '1' },
  quickDrain: { WAVEHALL_DRAIN_SECONDS: '2' },
  origins: { WAVEHALL_ALLOWED_ORIGINS: ORIGINS },
  fullNode: { WAVEHALL_MAX_CONNECTIONS: '1' },
  fewSubscriptions: { WAVEHALL_MAX_SUBSCRIPTIONS: '3' },
  strictAuthKey: { WAVEHALL_STRICT_AUTH_KEY: 'true' },
  subscriptionCounts: { WAVEHALL_SUBSCRIPTION_COUNTS: 'true' },
  noPublicClientEvents: { WAVEHALL_CLIENT_EVENTS_ON_PUBLIC: 'false' },
  fewClientEvents: { WAVEHALL_MAX_CLIENT_EVENTS_PER_SECOND: '3' },
  terminateCode: { WAVEHALL_TERMINATE_CLOSE_CODE: '4200' },
  authorizeWithin: { WAVEHALL_AUTHORIZE_WITHIN: '1' },
  noAuthWindow: { WAVEHALL_AUTH_WINDOW: '0' },
  anyBatch: { WAVEHALL_MAX_BATCH_SIZE: '0' },
  errorAsString: { WAVEHALL_ERROR_DATA_AS_STRING: 'true' },
  extraCharacters: { WAVEHALL_EXTRA_CHANNEL_CHARACTERS: ': /' },
  shortCache: { WAVEHALL_CACHE_TTL: '1' },
  olderKey: { WAVEHALL_APP_CREDENTIALS: 'older-key:older-secret' },
  strictInfo: { WAVEHALL_STRICT_INFO: 'true' },
  usersOfUnoccupied404: { WAVEHALL_UNOCCUPIED_USERS_404: 'true' },
} as const;

export const appDisabled = { WAVEHALL_APP_ENABLED: 'false' } as const;

const SECOND = { id: '4', key: 'second-key', secret: 'second-secret' } as const;

const inConfig = ({ id, key, secret }: typeof APP | typeof SECOND) => ({ app_id: id, key, secret });

/** Two apps on one server: the app under test and another one. */
export const secondApp = {
  app: SECOND,
  needs: { WAVEHALL_APPS: JSON.stringify([inConfig(APP), inConfig(SECOND)]) },
} as const;
