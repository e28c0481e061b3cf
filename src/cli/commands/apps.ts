import { type Command, InvalidArgumentError } from 'commander';
import type { ShownCredentials } from '../../admin/routes/apps.ts';
import type { App } from '../../core/app.ts';
import { type AppsFlags, schemaOf, withApps, withDatabase } from '../client/apps-client.ts';
import { addAdminOptions, addServerOptions, type ServerFlags } from '../client/options.ts';
import { print, runCommand, shown, table } from '../client/output.ts';

/** An app of `GET /admin/apps`. */
type ListedApp = Pick<App, 'id' | 'enabled' | 'clientEvents' | 'allowedOrigins' | 'limits'> & {
  readonly keys: readonly string[];
};

/** `wavehall apps`: lists the apps without their secrets, and changes those of a database (SPEC 11.5). */
export function addApps(program: Command): void {
  const apps = program.command('apps').description('List the apps, and change those of a database');
  addList(apps);
  addAdd(apps);
  addRotate(apps);
  addSwitch(apps, 'disable', 'Refuse the clients and requests of an app, and close its clients (4003)');
  addSwitch(apps, 'enable', 'Serve a disabled app again');
  addMigrate(apps);
  addSchema(apps);
}

const withOptions = (command: Command): Command =>
  addAdminOptions(command).option(
    '--database',
    'work on the database itself (WAVEHALL_APPS_DATABASE), as without a token',
  );

function addList(apps: Command): void {
  withOptions(apps.command('list', { isDefault: true }))
    .description('List the apps of a running server with their limits (never a secret)')
    .action((flags: AppsFlags) =>
      runCommand(async () => {
        const answer = await withApps(flags, (client) => client.list());
        print(flags, answer, () => appTable(answer.apps as readonly ListedApp[]));
      }),
    );
}

function addAdd(apps: Command): void {
  withOptions(apps.command('add [id]'))
    .description('Add an app, and print its key and its secret, once')
    .action((id: string | undefined, flags: AppsFlags) =>
      runCommand(async () => {
        const added = await withApps(flags, (client) => client.add(id));
        print(flags, added, () => [
          'The secret is shown this once. For the .env of Laravel:',
          ...dotenv(added),
        ]);
      }),
    );
}

interface RotateFlags extends AppsFlags {
  readonly key?: boolean;
  readonly overlap?: number;
}

function addRotate(apps: Command): void {
  withOptions(apps.command('rotate <id>'))
    .description('Give an app a new secret, and print it, once; the old one stays valid for a time')
    .option('--key', 'replace the key too')
    .option('--overlap <seconds>', 'time for the old one (WAVEHALL_SECRET_OVERLAP_SECONDS)', seconds)
    .action((id: string, flags: RotateFlags) =>
      runCommand(async () => {
        const { key = false, overlap: overlapSeconds } = flags;
        const rotated = await withApps(flags, (client) => client.rotate(id, { key, overlapSeconds }));
        const until = new Date(rotated.formerUntilSeconds * 1000).toISOString();
        print(flags, rotated, () => [
          `The secret is shown this once. The former one is valid until ${until}. For the .env of Laravel:`,
          ...dotenv(rotated),
        ]);
      }),
    );
}

function seconds(text: string): number {
  if (!/^\d{1,7}$/.test(text)) throw new InvalidArgumentError('expected a whole number of seconds');
  return Number(text);
}

function addSwitch(apps: Command, name: 'disable' | 'enable', description: string): void {
  withOptions(apps.command(`${name} <id>`))
    .description(description)
    .action((id: string, flags: AppsFlags) =>
      runCommand(async () => {
        const enabled = name === 'enable';
        await withApps(flags, (client) => client.setEnabled(id, enabled));
        print(flags, { id, enabled }, () => [`App ${shown(id)} is ${name}d.`]);
      }),
    );
}

function addMigrate(apps: Command): void {
  addServerOptions(apps.command('migrate'))
    .description('Create the table of the apps in the database, or add the columns that it does not have')
    .action((flags: ServerFlags) =>
      runCommand(async () => {
        const done = await withDatabase(flags, (administration) => administration.migrate());
        print(flags, { done }, () => (done.length === 0 ? ['Nothing was missing.'] : done));
      }),
    );
}

function addSchema(apps: Command): void {
  addServerOptions(apps.command('schema'))
    .description('Print the statement that creates the table of the apps')
    .action((flags: ServerFlags) =>
      runCommand(async () => void process.stdout.write(`${await schemaOf(flags)};\n`)),
    );
}

const dotenv = ({ id, key, secret }: ShownCredentials): string[] => [
  `REVERB_APP_ID=${shown(id)}`,
  `REVERB_APP_KEY=${shown(key)}`,
  `REVERB_APP_SECRET=${shown(secret)}`,
];

const appTable = (apps: readonly ListedApp[]): string[] =>
  table(
    ['id', 'keys', 'enabled', 'client events', 'origins', 'connections', 'message size', 'requests/s'],
    apps.map((app) => [
      app.id,
      app.keys.join(', '),
      app.enabled ? 'yes' : 'NO',
      app.clientEvents,
      app.allowedOrigins.join(', '),
      limit(app.limits.connections),
      limit(app.limits.messageBytes),
      limit(app.limits.requestsPerSecond),
    ]),
    'No app is configured.',
  );

const limit = (value: number): string => (value === 0 ? 'no limit' : `${value}`);
