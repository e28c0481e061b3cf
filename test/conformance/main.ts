import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { FallbackTransport } from '../support/fallback-socket.ts';
import build from '../support/global-setup.ts';
import { cases } from './cases/index.ts';
import { formLine, judge, line, markdown, totals } from './report.ts';
import type { Differences, Report } from './report.ts';
import { runAll } from './runner.ts';
import { FORMS } from './case-tools.ts';
import { parseEndpoint, running, started, wavehall } from './target.ts';

const USAGE = `npm run conformance -- [options]
  --against HOST:PORT,ID,KEY,SECRET  a running server; without it Wavehall is built and started
  --path /PREFIX                     the prefix in front of /app and /apps of that server
  --name TEXT                        name of the server in the output
  --start COMMAND                    starts the server, also with the settings of a case; receives PORT, APP_ID, APP_KEY, APP_SECRET, NEEDS
  --transport NAME                   xhr_streaming or xhr_polling: clients connect over the HTTP fallback, not over WebSocket
  --only C05,H                       only these cases, or groups by their letter
  --expect-differences FILE          a module whose default export names the differences: {id: reason}
  --json FILE                        writes the outcomes
  --beside FILE                      outcomes of an earlier run, for a table of both
  --markdown FILE                    writes the compatibility table`;

const options = {
  against: { type: 'string' },
  path: { type: 'string', default: '' },
  name: { type: 'string' },
  start: { type: 'string' },
  transport: { type: 'string' },
  only: { type: 'string' },
  'expect-differences': { type: 'string' },
  json: { type: 'string' },
  beside: { type: 'string' },
  markdown: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

const readDifferences = async (file: string | undefined): Promise<Differences> => {
  if (file === undefined) return {};
  const module = (await import(pathToFileURL(resolve(file)).href)) as { default: Differences };
  return module.default;
};

type Values = ReturnType<typeof parseArgs<{ options: typeof options }>>['values'];

const transportOf = ({ transport }: Values): FallbackTransport | undefined => {
  if (transport === undefined || transport === 'xhr_streaming' || transport === 'xhr_polling')
    return transport;
  throw new Error(`--transport "${transport}" is not xhr_streaming or xhr_polling`);
};

const targetOf = (values: Values) => {
  const { against, name, path, start } = values;
  const transport = transportOf(values);
  const app = against === undefined ? undefined : { ...parseEndpoint(against, path), transport };
  if (start !== undefined) return started(name ?? against ?? start, start, app);
  return app === undefined ? wavehall(transport) : running(name ?? against ?? '', app);
};

/** Selects cases by id (`C05`) or by the letter of their group (`C`). */
const selectCases = ({ only, transport }: Values) => {
  const wanted = only?.split(',');
  return cases.filter(
    ({ id, overWebSocketOnly = false }) =>
      (!wanted || wanted.includes(id) || wanted.includes(id[0] ?? '')) &&
      (transport === undefined || !overWebSocketOnly),
  );
};

/** Tolerates the forms that are named as differences. */
const formsIn = (named: Differences) => ({
  tolerated: new Set(Object.keys(FORMS).filter((form) => Object.hasOwn(named, form))),
  met: new Set<string>(),
});

const writeFiles = async (report: Report, { json, markdown: table, beside }: Values) => {
  if (json !== undefined) await writeFile(json, `${JSON.stringify(report, null, 1)}\n`);
  if (table === undefined) return;
  const earlier = beside === undefined ? [] : [JSON.parse(await readFile(beside, 'utf8')) as Report];
  await writeFile(table, markdown([...earlier, report]));
};

/** Returns the exit code of the run: 0 when exactly the named differences were found. */
const exitCodeOf = (report: Report, named: Differences, isExpecting: boolean): number => {
  if (!isExpecting) return report.outcomes.some(({ result }) => result === 'failed') ? 1 : 0;
  const { unnamed, gone } = judge(report, named);
  if (unnamed.length > 0) console.log(`not named as differences: ${unnamed.join(', ')}`);
  if (gone.length > 0) console.log(`named as differences, but not found: ${gone.join(', ')}`);
  return unnamed.length + gone.length > 0 ? 1 : 0;
};

const main = async (): Promise<number> => {
  const { values } = parseArgs({ options });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (values.against === undefined && values.start === undefined) build();
  const named = await readDifferences(values['expect-differences']);
  const target = targetOf(values);
  const forms = formsIn(named);
  const outcomes = await runAll(selectCases(values), target, forms, (outcome) =>
    console.log(line(outcome, named)),
  );
  const report: Report = { target: target.name, outcomes, forms: [...forms.met].sort(), named };
  for (const form of report.forms) console.log(formLine(form, named));
  console.log(`\n${target.name}: ${totals(outcomes)}`);
  await writeFiles(report, values);
  return exitCodeOf(report, named, values['expect-differences'] !== undefined && values.only === undefined);
};

/** When a server cannot be started, the run ends with the message of the error, which has the last lines of its log. */
process.exitCode = await main().catch((error: unknown) => {
  console.error((error as Error).message);
  return 1;
});
