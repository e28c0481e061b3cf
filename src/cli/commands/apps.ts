import type { Command } from 'commander';
import type { App } from '../../core/app.ts';
import { askAdmin } from '../admin-client.ts';
import { addAdminOptions, adminAddress, type ServerFlags } from '../client/options.ts';
import { print, runCommand, table } from '../client/output.ts';

/** An app of `GET /admin/apps`. */
type ListedApp = Pick<App, 'id' | 'enabled' | 'clientEvents' | 'allowedOrigins' | 'limits'> & {
  readonly keys: readonly string[];
};

/** `wavehall apps`: lists the configured apps, without their secrets. */
export function addApps(program: Command): void {
  addAdminOptions(program.command('apps'))
    .description('List the apps of a running server with their limits (never a secret)')
    .action((flags: ServerFlags) =>
      runCommand(async () => {
        const answer = await askAdmin<{ apps: readonly ListedApp[] }>(adminAddress(flags), 'GET', '/apps');
        print(flags, answer, () => appTable(answer.apps));
      }),
    );
}

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
