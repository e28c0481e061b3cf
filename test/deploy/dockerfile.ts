import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Instruction {
  readonly name: string;
  readonly args: string;
}

export interface Stage {
  readonly image: string;
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

export interface Copy {
  /** Stage that it copies from; undefined for the build context. */
  readonly from: string | undefined;
  readonly sources: readonly string[];
  readonly to: string;
}

/** The stages of the project's Dockerfile, in order. */
export function readStages(): Stage[] {
  const text = readFileSync(`${root}Dockerfile`, 'utf8').replace(/\\\n/g, ' ');
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const stages: { image: string; name: string | undefined; instructions: Instruction[] }[] = [];
  for (const line of lines) {
    const [, name = '', args = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    if (name === '') throw new Error(`no instruction: ${line}`);
    const [image = '', , alias] = args.split(/\s+/);
    if (name === 'FROM') stages.push({ image, name: alias, instructions: [] });
    else stages.at(-1)?.instructions.push({ name, args });
  }
  return stages;
}

export const argsOf = (stage: Stage, name: string): string[] =>
  stage.instructions.filter((each) => each.name === name).map(({ args }) => args);

/** Arguments of the only instruction with this name; throws if there is none or more than one. */
export function theOnly(stage: Stage, name: string): string {
  const [only, ...more] = argsOf(stage, name);
  if (only === undefined || more.length > 0)
    throw new Error(`expected one ${name}, found ${argsOf(stage, name).length}`);
  return only;
}

/** Parses a command in exec form; throws for the shell form, which would start a shell as the main process. */
export function execForm(args: string): string[] {
  const words: unknown = JSON.parse(args.slice(args.indexOf('[')));
  if (!Array.isArray(words)) throw new Error(`not in exec form: ${args}`);
  return words.map(String);
}

export const copiesOf = (stage: Stage): Copy[] =>
  argsOf(stage, 'COPY').map((args) => {
    const words = args.split(/\s+/);
    const from = words.find((word) => word.startsWith('--from='))?.slice('--from='.length);
    const paths = words.filter((word) => !word.startsWith('--'));
    return { from, sources: paths.slice(0, -1), to: paths.at(-1) ?? '' };
  });
