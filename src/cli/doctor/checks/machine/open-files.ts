import { listenerOf } from '../../machine/listener.ts';
import type { Context } from '../../context.ts';
import { type Finding, ok, problem, skipped } from '../../report/finding.ts';

const FEW = 10_000;

/** Checks how many files the server may have open; without a running server, a process that is started from here. */
export function checkOpenFiles({ options, server, network }: Context): Finding[] {
  const { local } = network.options;
  const listener = local === undefined ? undefined : listenerOf(server.config?.port ?? 0);
  const limit =
    (listener === undefined ? undefined : options.openFiles(listener)) ?? options.openFiles('self');
  if (limit === undefined)
    return [skipped('open-files', 'this system does not show the limit: check ulimit -n')];
  const whose = listener === undefined ? 'a process of this shell' : `the server (process ${listener})`;
  const text = `${whose} may have ${limit.toLocaleString('en-US')} files open`;
  return limit >= FEW
    ? [ok('open-files', text)]
    : [
        problem('open-files-low', text, {
          line: 'LimitNOFILE=65536  # systemd; minfds=65536 in supervisor, or ulimit -n 65536',
        }),
      ];
}
