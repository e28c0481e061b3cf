/** Apps in soketi's forms: its configuration file, rows of its SQL tables, items of DynamoDB. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config/index.ts';
import { SOKETI_VARIABLES } from '../../src/config/soketi.ts';
import { temporaryFile } from '../cli/command.ts';
import { problemsIn } from './problems.ts';

const REVERB = { REVERB_APP_ID: 'r-id', REVERB_APP_KEY: 'r-key', REVERB_APP_SECRET: 'r-secret' };
const NAMES = { id: 'shop', key: 'shop-key', secret: 'shop-secret' };

const configOf = (app: object, more: Record<string, string> = {}) =>
  readConfig({ ...more, WAVEHALL_APPS: JSON.stringify([app]) });
const appOf = (app: object, more?: Record<string, string>) => configOf({ ...NAMES, ...app }, more).apps[0];

const problemsOf = (app: object): readonly string[] => problemsIn(() => configOf(app));

/** The row of soketi's own mysql_schema.sql, with limits of its own, as JSON_OBJECT writes it. */
const ROW = {
  ...NAMES,
  max_connections: 200,
  enabled: 1,
  enable_client_messages: 1,
  max_backend_events_per_sec: -1,
  max_client_events_per_sec: 10,
  max_read_req_per_sec: -1,
  webhooks: '[]',
  max_presence_members_per_channel: 50,
  max_presence_member_size_in_kb: 2,
  max_channel_name_length: 100,
  max_event_channels_at_once: 20,
  max_event_name_length: 60,
  max_event_payload_in_kb: 0.5,
  max_event_batch_size: 5,
  enable_user_authentication: 0,
};
const camel = (key: string) => key.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
const renamed = (rename: (key: string) => string) =>
  Object.fromEntries(
    Object.entries(ROW).map(([key, value]) => [
      rename(key.replace('_per_sec', '_per_second').replace('_req_', '_requests_')),
      value,
    ]),
  );

const EXPECTED = {
  id: 'shop',
  credentials: [{ key: 'shop-key', secret: 'shop-secret' }],
  enabled: true,
  clientEvents: 'members',
  authorizeWithinSeconds: 0,
  limits: {
    connections: 200,
    clientEventsPerSecond: 10,
    presenceMembers: 50,
    userInfoBytes: 2048,
    channelNameLength: 100,
    channelsPerEvent: 20,
    eventNameLength: 60,
    eventDataBytes: 512,
    eventsPerBatch: 5,
  },
};

describe('an app with id in place of app_id', () => {
  test('7.6 is read from a row of the SQL table', () => {
    expect(configOf(ROW).apps[0]).toMatchObject(EXPECTED);
    expect(configOf(ROW).warnings).toEqual([]);
  });

  test('7.6 is read in the names of the configuration file', () => {
    const app = renamed(camel);
    expect(Object.keys(app)).toContain('maxClientEventsPerSecond');
    expect(Object.keys(app)).toContain('maxReadRequestsPerSecond');
    expect(configOf(app).apps[0]).toMatchObject(EXPECTED);
    expect(configOf(app).warnings).toEqual([]);
  });

  test('7.6 is read in the names of DynamoDB', () => {
    const pascal = renamed((key) => camel(`_${key}`));
    const { Id: AppId, Key: AppKey, Secret: AppSecret, ...rest } = pascal;
    const app = { AppId, AppKey, AppSecret, ...rest };
    expect(Object.keys(app)).toContain('MaxConnections');
    expect(configOf(app).apps[0]).toMatchObject(EXPECTED);
    expect(configOf(app).warnings).toEqual([]);
  });

  test('7.6 null and an empty text leave the variable and the default, as in soketi', () => {
    const app = appOf(
      { max_connections: null, max_presence_members_per_channel: '', maxEventBatchSize: null },
      { REVERB_APP_MAX_CONNECTIONS: '7' },
    );
    expect(app?.limits).toMatchObject({ connections: 7, presenceMembers: 0, eventsPerBatch: 10 });
  });

  test('7.6 -1 is no limit where soketi has it so', () => {
    const app = appOf({ maxConnections: -1, maxClientEventsPerSecond: '-1' });
    expect(app?.limits).toMatchObject({ connections: 0, clientEventsPerSecond: 0 });
    expect(appOf({ maxConnections: 0 })?.limits.connections).toBe(0);
  });

  test('7.6 enableClientMessages allows or refuses client events', () => {
    const of = (value: unknown) => appOf({ enableClientMessages: value })?.clientEvents;
    expect([true, 1, '1', false, 0, '0', 'perhaps'].map(of)).toEqual([
      ...Array<string>(3).fill('members'),
      ...Array<string>(4).fill('none'),
    ]);
    expect(appOf({})?.clientEvents).toBe('members');
  });

  test('7.6 enableUserAuthentication gives a client 30 seconds', () => {
    expect(appOf({ enableUserAuthentication: true })?.authorizeWithinSeconds).toBe(30);
  });

  test('7.6 keys of Wavehall may stand beside', () => {
    expect(appOf({ allowed_origins: ['shop.test'] })?.allowedOrigins).toEqual(['shop.test']);
  });

  test('7.6 a warning names what has no counterpart, unless it has no effect', () => {
    const { warnings } = configOf({ ...ROW, max_read_req_per_sec: 5, something: 1 });
    expect(warnings).toEqual([
      'WAVEHALL_APPS: the key "max_read_req_per_sec" of an app is ignored: the limit of requests here is max_requests_per_second, for all of them',
      'WAVEHALL_APPS: the key "something" of an app is not known, and is ignored',
    ]);
    const webhooks = [{ url: 'https://shop.test/hook', event_types: ['channel_occupied'] }];
    expect(configOf({ ...ROW, webhooks }).warnings).toEqual([]);
  });

  test.each([
    ['max_client_events_per_sec', 'maxClientEventsPerSecond'],
    ['max_presence_members_per_channel', 'maxPresenceMembersPerChannel'],
    ['max_event_payload_in_kb', 'maxEventPayloadInKb'],
  ])('7.6 %s of 0 is refused: soketi then allows nothing, Wavehall everything', (...keys) => {
    for (const key of keys)
      expect(problemsOf({ ...NAMES, [key]: 0 })).toEqual([
        `WAVEHALL_APPS[0].${key}=0: expected 1 or more, because 0 means here that there is no limit`,
      ]);
  });

  test.each([
    ['maxConnections', 'many', 'max_connections="many"'],
    ['enableUserAuthentication', 'perhaps', 'authorize_within="perhaps"'],
    ['max_event_payload_in_kb', 'x', 'max_event_data_size="x"'],
    ['max_event_payload_in_kb', -1, 'max_event_data_size="-1"'],
  ])('7.6 %s with the wrong value %s is refused', (key, value, shown) => {
    expect(problemsOf({ ...NAMES, [key]: value })).toEqual([
      expect.stringContaining(`WAVEHALL_APPS[0].${shown}: expected`),
    ]);
  });

  test('7.1 without key or secret it is refused', () => {
    expect(problemsOf({ id: 'shop' })).toEqual([
      'WAVEHALL_APPS[0].key: expected a text',
      'WAVEHALL_APPS[0].secret: expected a text',
    ]);
  });
});

describe("soketi's configuration file", () => {
  const apps = [{ ...NAMES, maxConnections: 3 }];
  const configOfFile = (content: object) =>
    readConfig({ WAVEHALL_APPS_FILE: temporaryFile('soketi.json', JSON.stringify(content)) });

  test.each([
    ['with dots', { 'appManager.array.apps': apps }],
    ['nested', { appManager: { driver: 'array', array: { apps } } }],
  ])('7.6 gives its apps, %s', (_, content) => {
    const config = configOfFile(content);
    expect(config.apps.map(({ id, limits }) => [id, limits.connections])).toEqual([['shop', 3]]);
    expect(config.warnings).toEqual([]);
  });

  test('7.6 a warning names its other options', () => {
    const { warnings, appsFrom } = configOfFile({
      debug: true,
      port: 6001,
      'appManager.array.apps': apps,
    });
    expect(warnings).toEqual([
      `${appsFrom}: only the apps of soketi's file are read, not "debug", "port": docs/coming-from-soketi.md has the variables`,
    ]);
  });
});

describe("soketi's variables", () => {
  test('2.1 a warning names those that are set, and the variable to set here', () => {
    const set = { SOKETI_PORT: '6001', SOKETI_DEFAULT_APP_WEBHOOKS: '[{}]', SOKETI_MODE: 'full' };
    expect(readConfig({ ...REVERB, ...set }).warnings).toEqual([
      "soketi's variables are not read: SOKETI_PORT (here REVERB_SERVER_PORT), SOKETI_DEFAULT_APP_WEBHOOKS (here REVERB_WEBHOOK_URL). See docs/coming-from-soketi.md",
    ]);
  });

  test('2.1 there is none for those whose variable is set here too', () => {
    const set = { SOKETI_PORT: '6001', SOKETI_DEFAULT_APP_ID: 'r-id', REVERB_SERVER_PORT: '6001' };
    expect(readConfig({ ...REVERB, ...set }).warnings).toEqual([]);
    expect(readConfig(REVERB).warnings).toEqual([]);
  });

  test('7.1 the warning shows no value', () => {
    const set = { SOKETI_DEFAULT_APP_SECRET: 'hush-1', SOKETI_DB_REDIS_PASSWORD: 'hush-2' };
    const { warnings } = readConfig(set);
    expect(warnings.join()).toContain('SOKETI_DB_REDIS_PASSWORD');
    expect(warnings.join()).not.toContain('hush');
  });

  test('2.1 each variable to set here exists', () => {
    const known = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8');
    const names = Object.values(SOKETI_VARIABLES);
    expect(names.filter((name) => !known.includes(`\n#${name}=`))).toEqual([]);
    expect(names.length).toBeGreaterThan(40);
  });
});
