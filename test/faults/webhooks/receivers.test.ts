/** Faults of the receiver of webhooks: nothing is lost, and each channel keeps its order. */
import { expect } from 'vitest';
import { eventually } from '../../support/wire.ts';
import { describeConcurrent } from '../fault-run.ts';
import { accept, closeMidAnswer, hold, refuse } from './faulty-receiver.ts';
import { printTable, receiverFault, type WebhookRun } from './webhook-run.ts';
import type { Address } from '../../support/wire.ts';

const CHANNELS = 10;
const TOKEN = 'an-admin-token-for-tests';
printTable();

/** Lets clients come and go. */
async function liveOn(server: Address, { lives }: WebhookRun, channels = CHANNELS): Promise<void> {
  await lives.end(await lives.begin(server, channels));
}

/** Sends a request to the webhooks of the admin API. */
async function askAdmin(
  { host, port }: Address,
  method: string,
  path: string,
  body?: object,
): Promise<unknown> {
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
  const options = { method, headers, ...(body && { body: JSON.stringify(body) }) };
  return (await fetch(`http://${host}:${port}/admin/webhooks${path}`, options)).json();
}

describeConcurrent('the receiver', () => {
  receiverFault('answers', async (run, server) => {
    await liveOn(server, run);
    await run.delivered();
  });

  receiverFault('is down, then back', async (run, server) => {
    await liveOn(server, run);
    await run.delivered();
    await run.receiver.stop();
    await liveOn(server, run);
    await eventually(() => server.output().includes('faulty fails'), 'the endpoint fails', 20_000);
    await liveOn(server, run);
    await run.receiver.start();
    await run.delivered();
    await eventually(() => server.output().includes('faulty delivers again'), 'it delivers again');
  });

  receiverFault('is slow', async (run, server) => {
    run.receiver.behaviour = (answer) => {
      setTimeout(() => answer.writeHead(200).end(), 200);
      return 'sure';
    };
    await liveOn(server, run, 40);
    await run.delivered();
  });

  receiverFault('answers 500 to each first attempt', async (run, server) => {
    run.receiver.behaviour = (answer, delivery) =>
      (delivery.attempt === 1 ? refuse(500) : accept)(answer, delivery);
    await liveOn(server, run, 4);
    await run.delivered();
  });

  receiverFault('answers 429 and asks for a pause', async (run, server) => {
    let isBusy = true;
    run.receiver.behaviour = (answer, delivery) =>
      (isBusy ? refuse(429, { 'retry-after': '2' }) : accept)(answer, delivery);
    await liveOn(server, run);
    await eventually(() => run.receiver.arrivals.length > 0, 'it was asked');
    const askedMs = Date.now();
    isBusy = false;
    await run.delivered();
    const [first] = run.receiver.arrivals.filter(({ accepted }) => accepted === 'sure');
    expect(first!.atMs - askedMs).toBeGreaterThan(1500);
  });

  receiverFault('closes in the middle of each first answer', async (run, server) => {
    run.receiver.behaviour = (answer, delivery) =>
      (delivery.attempt === 1 ? closeMidAnswer : accept)(answer, delivery);
    await liveOn(server, run, 4);
    await eventually(
      () =>
        run.receiver.arrivals.filter(({ accepted }) => accepted === 'sure').length >=
        run.lives.happened.length,
      'each is accepted a second time',
      60_000,
    );
  });

  receiverFault(
    'does not answer in time, then answers',
    async (run, server) => {
      run.receiver.behaviour = hold;
      await liveOn(server, run);
      await eventually(() => run.receiver.arrivals.length >= CHANNELS, 'each channel is tried');
      run.receiver.behaviour = accept;
      await run.delivered();
    },
    { REVERB_WEBHOOK_TIMEOUT: '1' },
  );

  receiverFault(
    'refuses for good, and its failed deliveries are replayed',
    async (run, server) => {
      run.receiver.behaviour = refuse(410);
      await run.lives.end(await run.lives.begin(server, 1));
      const admin = (method: string, path: string, body?: object) => askAdmin(server, method, path, body);
      let failed: { id: string; event: string }[] = [];
      await eventually(
        async () => {
          ({ failed } = (await admin('GET', '/failed')) as { failed: typeof failed });
          return failed.length === run.lives.happened.length;
        },
        'all have failed',
        20_000,
      );
      run.receiver.behaviour = accept;
      // The newest is the first of the list.
      for (const { id } of failed.reverse()) await admin('POST', '/replay', { ids: [id] });
      await run.delivered();
      expect(await admin('GET', '/failed')).toEqual({ failed: [] });
    },
    { WAVEHALL_ADMIN_TOKEN: TOKEN },
  );
});
