import { sleep } from '../../../../core/util/time.ts';
import type { Context } from '../../context.ts';
import type { Client } from '../../network/client.ts';
import { type Finding, ok, problem, skipped } from '../../report/finding.ts';

const CHECK_EVERY_MS = 100;

/** Keeps a connection silent, and reports when a proxy closes it. */
export async function checkSilence({ options, network }: Context): Promise<Finding[]> {
  const { waitMs } = options;
  if (waitMs === 0) return [skipped('proxy-timeout', 'give --wait 90 to keep a connection silent for 90 s')];
  const connected = await network.connect();
  if (connected?.kind !== 'open')
    return [skipped('proxy-timeout', 'there is no connection that could be silent')];
  const { client } = connected;
  const startedAtMs = Date.now();
  while (client.failure === undefined && Date.now() - startedAtMs < waitMs) await sleep(CHECK_EVERY_MS);
  const seconds = Math.round((Date.now() - startedAtMs) / 1000);
  const { failure } = client;
  client.close();
  if (failure === undefined) return [ok('proxy-timeout', `a silent connection is open after ${seconds} s`)];
  return [
    problem('proxy-cuts-silence', `a silent connection was closed after ${seconds} s${reasonOf(failure)}`, {
      line: 'proxy_read_timeout 120s;  # nginx: above the ping interval, 60 s',
    }),
  ];
}

const reasonOf = (failure: NonNullable<Client['failure']>): string =>
  failure.kind === 'refusal' && failure.code !== undefined ? ` (code ${failure.code})` : '';
