import type { Command } from 'commander';
import type { EndpointStatus, FailedDelivery, TestOutcome } from '../../admin/routes/webhooks.ts';
import { askAdmin } from '../admin-client.ts';
import { addAdminOptions, adminAddress, type ServerFlags } from '../client/options.ts';
import { counted, print, runCommand, shown, table } from '../client/output.ts';

/** `wavehall webhooks`: the endpoints of webhooks, and the deliveries that have failed (SPEC 9.6). */
export function addWebhooks(program: Command): void {
  const webhooks = program.command('webhooks').description('List, repeat and test webhooks');
  addList(webhooks);
  addFailed(webhooks);
  addReplay(webhooks);
  addTest(webhooks);
}

function addList(webhooks: Command): void {
  addAdminOptions(webhooks.command('list'))
    .description('List the endpoints, and how many events wait for each')
    .action((flags: ServerFlags) =>
      runCommand(async () => {
        const answer = await askAdmin<{ endpoints: readonly EndpointStatus[] }>(
          adminAddress(flags),
          'GET',
          '/webhooks',
        );
        print(flags, answer, () =>
          table(
            ['endpoint', 'app', 'waiting', 'oldest', ''],
            answer.endpoints.map((each) => [
              each.name,
              each.app,
              each.waiting,
              `${each.oldestSeconds} s`,
              each.isFailing ? 'fails' : '',
            ]),
            'There is no endpoint.',
          ),
        );
      }),
    );
}

function addFailed(webhooks: Command): void {
  addAdminOptions(webhooks.command('failed'))
    .description('List the deliveries that have failed, the newest first')
    .action((flags: ServerFlags) =>
      runCommand(async () => {
        const answer = await askAdmin<{ failed: readonly FailedDelivery[] }>(
          adminAddress(flags),
          'GET',
          '/webhooks/failed',
        );
        print(flags, answer, () =>
          table(
            ['id', 'endpoint', 'event', 'channel', 'failed at', 'reason'],
            answer.failed.map((each) => [
              each.id,
              each.endpoint,
              each.event,
              each.channel,
              new Date(each.failedAtMs).toISOString(),
              each.reason,
            ]),
            'No delivery has failed.',
          ),
        );
      }),
    );
}

function addReplay(webhooks: Command): void {
  addAdminOptions(webhooks.command('replay <id...>'))
    .description('Put failed deliveries back into the queue of their endpoint')
    .action((ids: string[], flags: ServerFlags) =>
      runCommand(async () => {
        const answer = await askAdmin<{ replayed: number }>(adminAddress(flags), 'POST', '/webhooks/replay', {
          ids,
        });
        print(flags, answer, () => [
          `${answer.replayed} of ${counted(ids.length, 'delivery').replace(/ys$/, 'ies')} will be sent again.`,
        ]);
        if (answer.replayed < ids.length)
          throw new Error('The others were not found among the failed deliveries.');
      }),
    );
}

function addTest(webhooks: Command): void {
  addAdminOptions(webhooks.command('test <endpoint>'))
    .description('Send a test event to an endpoint, once')
    .action((endpoint: string, flags: ServerFlags) =>
      runCommand(async () => {
        const answer = await askAdmin<TestOutcome>(adminAddress(flags), 'POST', '/webhooks/test', {
          endpoint,
        });
        if (!answer.isDelivered)
          throw new Error(`${shown(endpoint)} did not accept it: ${shown(answer.reason ?? 'no reason')}`);
        print(flags, answer, () => [`${shown(endpoint)} accepted it.`]);
      }),
    );
}
