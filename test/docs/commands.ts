/** Checks inline commands of a page with the real program, in a form that exits at once. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { run } from '../cli/command.ts';
import { commandsOf, ROOT, type ShellBlock } from './shell-blocks.ts';

const PROGRAM =
  /^(?:[A-Z_]+=\S+ )*(apt|bash|brew|cat|cd|composer|curl|docker|git|kill|nginx|node|npm|npx|openssl|php|promtool|redis-cli|redis-server|sh|sudo|systemctl|ulimit|wavehall|xdg-open)( |$)/;
/** Option that no command has. A command refuses its first invalid argument: if that is this one, the arguments before it are valid. */
const UNKNOWN = '--no-such-option';
const { scripts } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as {
  scripts: Readonly<Record<string, string>>;
};

/** True for a program with arguments. */
export const isCommand = (text: string): boolean => PROGRAM.test(text) && text.includes(' ');

const PATH = `${ROOT}node_modules/.bin:${process.env.PATH}`;

function shell(command: string): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const options = { cwd: ROOT, env: { ...process.env, PATH }, timeout: 60_000 };
    execFile('bash', ['-c', command], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : 1, output: stdout + stderr }),
    );
  });
}

/** True if a block that is run has a command that begins with this text. */
export const isIn = (blocks: readonly ShellBlock[], text: string): boolean =>
  blocks.some((block) =>
    commandsOf(block.text)
      .split(/\n|&&/)
      .some((command) => `${command.trim()} `.startsWith(`${text} `)),
  );

/** Commands of a block that is not run that can be tried: they write nothing and start nothing else. */
export const toBeTriedOf = ({ text }: ShellBlock): string[] =>
  commandsOf(text)
    .split('\n')
    .map((command) => command.replace(/ > \S+$/, '').trim())
    .filter((command) => /^(?:[A-Z_]+=(?:'[^']*'|\S+) )*(?:npm run|npx vitest run|wavehall) /.test(command));

/** Returns the error of a command: `undefined` if it is valid, and `'unknown'` for a program that is not tried here. */
export async function commandError(text: string): Promise<string | undefined> {
  const [, script, given = ''] = /^(?:[A-Z_]+=\S+ )*npm (?:run )?([\w:]+)(?: -- (.+))?$/.exec(text) ?? [];
  if (script !== undefined) return scriptError(script, given);
  if (text.startsWith('wavehall ')) return wavehallError(text.slice('wavehall '.length));
  if (/ vitest run /.test(text)) return testsError(text);
  if (/^ulimit -\w$/.test(text)) return (await shell(text)).code === 0 ? undefined : 'the shell refuses it';
  return 'unknown';
}

async function wavehallError(text: string): Promise<string | undefined> {
  const args = text.replaceAll(/\/path\/to\/\S+/g, '/dev/null').split(' ');
  if (args.at(-1) === '--help') {
    const { code, stderr } = await run(args);
    return code === 0 ? undefined : stderr;
  }
  // The last option may require a value, which the page leaves out.
  return optionsError([...args, ...(args.at(-1)?.startsWith('--') === true ? ['value'] : [])]);
}

/** Checks options; adds required ones that the page leaves out. */
async function optionsError(args: readonly string[]): Promise<string | undefined> {
  const { code, stderr } = await run([...args, UNKNOWN]);
  const [, required] = /required option '(--[\w-]+) <.+>' not specified/.exec(stderr) ?? [];
  if (required !== undefined && !args.includes(required)) return optionsError([...args, required, 'value']);
  return code === 1 && stderr.includes(`unknown option '${UNKNOWN}'`) ? undefined : stderr;
}

async function scriptError(script: string, given: string): Promise<string | undefined> {
  const steps = scripts[script];
  if (steps === undefined) return `package.json has no script "${script}"`;
  const program = steps.split('&&').at(-1)?.trim() ?? '';
  if (given === '') return programError(program);
  const asPrinted = await shell(`${program} ${given} --help`);
  if (asPrinted.code === 0) return undefined;
  const withValue = await shell(`${program} ${given} value --help`);
  return withValue.code === 0 ? undefined : asPrinted.output;
}

/** Checks that a script's program and its files exist; CI runs the script itself. */
function programError(program: string): string | undefined {
  const [name = '', ...rest] = program.split(' ');
  const isInstalled = ['node', 'npm', 'npx'].includes(name) || existsSync(`${ROOT}node_modules/.bin/${name}`);
  if (!isInstalled) return `there is no ${name}`;
  const missing = rest.filter((word) => /^(src|test|scripts)\//.test(word) && !existsSync(ROOT + word));
  return missing.length === 0 ? undefined : `there is no ${missing.join(', ')}`;
}

/** Checks with vitest that the command selects test files. */
async function testsError(text: string): Promise<string | undefined> {
  const { code, output } = await shell(text.replace('vitest run', 'vitest list --filesOnly'));
  return code === 0 && output.includes('.test.ts') ? undefined : output || 'it selects no tests';
}
