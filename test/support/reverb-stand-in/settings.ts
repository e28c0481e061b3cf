export interface StandInApp {
  readonly id: string;
  readonly key: string;
  readonly secret: string;
}

/** Settings from the environment variables of Reverb's published configuration, and the allowed origins. */
export interface Settings {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly apps: readonly StandInApp[];
  readonly allowedOrigins: readonly string[];
  readonly maxRequestSize: number;
  readonly maxMessageSize: number;
  readonly maxConnections: number | undefined;
  readonly activityTimeoutS: number;
  readonly pingIntervalS: number;
  /** Interval of the check for idle sockets; Reverb's is one minute. */
  readonly sweepMs: number;
  readonly acceptClientEventsFrom: string;
  readonly rate: { readonly attempts: number; readonly seconds: number; readonly ends: boolean } | undefined;
}

type Env = Readonly<Record<string, string | undefined>>;

const appsIn = (env: Env): StandInApp[] => {
  const first = {
    id: env.REVERB_APP_ID ?? 'app-id',
    key: env.REVERB_APP_KEY ?? 'app-key',
    secret: env.REVERB_APP_SECRET ?? 'app-secret',
  };
  const more = env.STAND_IN_MORE_APPS;
  return [first, ...(more === undefined ? [] : (JSON.parse(more) as StandInApp[]))];
};

export const settingsFrom = (env: Env): Settings => {
  const number = (name: string, fallback: number): number => Number(env[name] ?? fallback);
  return {
    host: env.REVERB_SERVER_HOST ?? '127.0.0.1',
    port: number('REVERB_SERVER_PORT', 0),
    path: env.REVERB_SERVER_PATH ?? '',
    apps: appsIn(env),
    allowedOrigins: (env.STAND_IN_ALLOWED_ORIGINS ?? '*').split(','),
    maxRequestSize: number('REVERB_MAX_REQUEST_SIZE', 10_000),
    maxMessageSize: number('REVERB_APP_MAX_MESSAGE_SIZE', 10_000),
    maxConnections: env.REVERB_APP_MAX_CONNECTIONS ? number('REVERB_APP_MAX_CONNECTIONS', 0) : undefined,
    activityTimeoutS: number('REVERB_APP_ACTIVITY_TIMEOUT', 30),
    pingIntervalS: number('REVERB_APP_PING_INTERVAL', 60),
    sweepMs: number('STAND_IN_SWEEP_MS', 60_000),
    acceptClientEventsFrom: env.REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM ?? 'members',
    rate:
      env.REVERB_APP_RATE_LIMITING_ENABLED === 'true'
        ? {
            attempts: number('REVERB_APP_RATE_LIMIT_MAX_ATTEMPTS', 60),
            seconds: number('REVERB_APP_RATE_LIMIT_DECAY_SECONDS', 60),
            ends: env.REVERB_APP_RATE_LIMIT_TERMINATE === 'true',
          }
        : undefined,
  };
};
