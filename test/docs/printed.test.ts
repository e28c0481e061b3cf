/** Runs the shell blocks of README, docs/ and examples/ as printed, in a fresh copy of the project (see README.md in this folder). */
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { missingRequirements } from '../laravel/requirements.ts';
import { publisher } from '../support/wire-http.ts';
import { APP, type Reader, prepareReader } from './reader.ts';
import { commandsOf, firstLine, pages, ROOT, type ShellBlock, shellBlocksOf } from './shell-blocks.ts';
import { Terminal } from './terminal.ts';
import { sleep } from '../../src/core/util/time.ts';

const BLOCK_TIMEOUT_MS = 240_000;
/** Last command of a block that runs until it is stopped. */
const LONG_RUNNING = /(?:^|\s)(?:npm start|wavehall start)\b[^\n]*$/;
const NEEDS_PHP = /\bphp\b|\/path\/to\/your\/laravel/;
const MISSING = process.env.CI === undefined ? missingRequirements() : undefined;

const blocks = pages().flatMap(shellBlocksOf);
const toRun = blocks.filter(({ notRun }) => notRun === undefined);

/** README first, because it installs what the other pages use. */
const inOrder = [...new Set(toRun.map(({ page }) => page))].sort(
  (one, other) => Number(other === 'README.md') - Number(one === 'README.md'),
);

test('each shell block that is not run is in the list of README.md with its reason and a test that covers it', () => {
  const listed = readFileSync(`${ROOT}test/docs/README.md`, 'utf8')
    .split('\n')
    .filter((line) => /^\| \S+\.md /.test(line))
    .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|')));
  const notRun = blocks.flatMap((block) =>
    block.notRun === undefined ? [] : [{ ...block, why: block.notRun }],
  );
  expect(listed.map(([, page, text, why]) => [page, text, why])).toEqual(
    notRun.map((block) => [block.page, `\`${firstLine(block).replace(/\s*#.*$/, '')}\``, block.why]),
  );
  for (const { why } of notRun) {
    expect(why).toMatch(/^(needs|opens|takes|runs) .+; /);
    const [instead = ''] = /\b(?:test|examples|src)\/[\w./-]+/.exec(why) ?? [];
    expect(existsSync(ROOT + instead) && instead !== '', why).toBe(true);
  }
});

let reader: Reader;
beforeAll(async () => {
  reader = await prepareReader(
    toRun.map(({ text }) => text),
    MISSING === undefined,
  );
}, BLOCK_TIMEOUT_MS);
afterAll(() => reader.close(), BLOCK_TIMEOUT_MS);

/** The first `npm ci` installs and builds the copy; later blocks do not repeat it. */
let isInstalled = false;
const withoutInstall = (text: string): string =>
  text
    .replace(/^npm ci && npm run build\b/, ':')
    .replace(/^(?:npm ci && )?npm start\b/, 'npm start --ignore-scripts');

describe.each(inOrder)('%s', (page) => {
  let terminal: Terminal;
  beforeAll(() => {
    terminal = new Terminal(reader.copy, reader.env, BLOCK_TIMEOUT_MS);
  });
  afterAll(() => terminal.close(), BLOCK_TIMEOUT_MS);

  for (const block of toRun.filter((each) => each.page === page)) {
    test.skipIf(MISSING !== undefined && NEEDS_PHP.test(block.text))(
      `line ${block.line}: ${firstLine(block)}`,
      () => paste(terminal, block),
      BLOCK_TIMEOUT_MS,
    );
  }
});

async function paste(terminal: Terminal, { text, beside, publishing }: ShellBlock): Promise<void> {
  if (beside !== undefined) await pasteCommands(terminal, beside);
  const stopPublishing = publishOn(publishing);
  try {
    await pasteCommands(terminal, text);
  } finally {
    await stopPublishing();
  }
}

async function pasteCommands(terminal: Terminal, text: string): Promise<void> {
  const command = reader.replaced(text);
  if (/^npm\b/.test(command)) terminal.goTo(reader.copy);
  const given = isInstalled ? withoutInstall(command) : command;
  isInstalled ||= command.startsWith('npm ci');
  if (LONG_RUNNING.test(commandsOf(given))) {
    const port = portOf(given);
    await terminal.start(given, port, () => answers(port));
    return;
  }
  const { code, output } = await terminal.run(given);
  expect(code, output.slice(-3000)).toBe(0);
}

/** Port of the last command of a block: the printed one, or the default of the server or of an example's page. */
function portOf(commands: string): number {
  const printed = /--port[ =](\d+)/.exec(commands)?.[1];
  if (printed !== undefined) return Number(printed);
  return reader.portFor(/^cd examples\//m.test(commands) ? 3000 : 8080);
}

/** True if a server answers `GET /up`, or a page `GET /`. */
const answers = async (port: number): Promise<boolean> => {
  const answered = ['/up', '/'].map(async (path) => (await fetch(`http://127.0.0.1:${port}${path}`)).ok);
  const all = await Promise.allSettled(answered);
  return all.some((each) => each.status === 'fulfilled' && each.value);
};

/** Publishes like the reader's app until the returned function is called. */
function publishOn(channels: readonly string[]): () => Promise<void> {
  const app = publisher({ ...APP, host: '127.0.0.1', port: reader.portFor(8080), prefix: '' });
  let isStopped = channels.length === 0;
  const publishing = (async () => {
    for (let number = 1; !isStopped; number += 1) {
      for (const channel of channels)
        await app.post('/events', { name: 'printed', channel, data: `${number}` });
      await sleep(50);
    }
  })();
  return async () => {
    isStopped = true;
    await publishing;
  };
}
