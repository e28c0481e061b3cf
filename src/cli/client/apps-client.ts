import type { AppsControl, RotatedApp, ShownCredentials } from '../../admin/routes/apps.ts';
import { NO_DATABASE } from '../../admin/routes/apps.ts';
import { AppsAdministration } from '../../apps/sql/administration.ts';
import { Database, loadDriver } from '../../apps/sql/database.ts';
import type { AppsDatabase } from '../../apps/sql/options.ts';
import { DATABASE_SETTINGS } from '../../apps/sql/settings.ts';
import { createTable } from '../../apps/sql/schema.ts';
import { readAppsOnce } from '../../apps/sql/watch.ts';
import { readConfig } from '../../config/index.ts';
import { shownApps } from '../../server/status/app-list.ts';
import { textIn } from '../../settings/settings.ts';
import { askAdmin } from '../admin-client.ts';
import { adminAddress, type ServerFlags, variablesOf } from './options.ts';

export interface AppsFlags extends ServerFlags {
  /** Works on the database itself. */
  readonly database?: boolean;
}

/** Changes and lists apps: over the admin API, or in the database itself. */
export type AppsClient = {
  readonly [Name in keyof AppsControl]: AppsControl[Name] extends (
    ...args: [...infer Args, by: string]
  ) => infer Answer
    ? (...args: Args) => Answer
    : never;
} & { list(): Promise<{ readonly apps: readonly object[] }> };

/** Runs `act` with the admin API of the server that is addressed, or with the database when one is set and there is no token. */
export async function withApps<T>(flags: AppsFlags, act: (apps: AppsClient) => Promise<T>): Promise<T> {
  if (!isDirect(flags)) return act(remoteApps(flags));
  return withDatabase(flags, async (administration, options) => {
    return act({
      list: async () => ({ apps: shownApps(await readAppsOnce(options)) }),
      add: (id) => administration.add(id),
      rotate: (id, request) => administration.rotate(id, request),
      setEnabled: (id, isEnabled) => administration.setEnabled(id, isEnabled),
    });
  });
}

function isDirect(flags: AppsFlags): boolean {
  if (flags.database === true) return true;
  const hasDatabase = textIn(variablesOf(flags), DATABASE_SETTINGS.appsDatabase.name) !== undefined;
  return hasDatabase && flags.url === undefined && (adminAddress(flags).token ?? '') === '';
}

/** Runs `act` with the database of the apps, without a server. */
export async function withDatabase<T>(
  flags: ServerFlags,
  act: (administration: AppsAdministration, options: AppsDatabase) => Promise<T>,
): Promise<T> {
  const options = databaseOf(flags);
  const database = new Database(options);
  try {
    return await act(new AppsAdministration(database, options), options);
  } finally {
    database.close();
  }
}

/** The statement that creates the table of these settings. */
export async function schemaOf(flags: ServerFlags): Promise<string> {
  const options = databaseOf(flags);
  return createTable(options, await loadDriver(options));
}

function databaseOf(flags: ServerFlags): AppsDatabase {
  const { appsDatabase } = readConfig(variablesOf(flags));
  if (appsDatabase === undefined) throw new Error(NO_DATABASE);
  return appsDatabase;
}

function remoteApps(flags: ServerFlags): AppsClient {
  const address = adminAddress(flags);
  const post = <T>(path: string, body?: object): Promise<T> => askAdmin<T>(address, 'POST', path, body);
  const of = (id: string): string => `/apps/${encodeURIComponent(id)}`;
  return {
    list: () => askAdmin(address, 'GET', '/apps'),
    add: (id) => post<ShownCredentials>('/apps', id === undefined ? {} : { id }),
    rotate: (id, request) => post<RotatedApp>(`${of(id)}/rotate`, request),
    setEnabled: async (id, isEnabled) => {
      await post(`${of(id)}/${isEnabled ? 'enable' : 'disable'}`);
    },
  };
}
