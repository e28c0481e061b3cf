const MAX_OBJECT_CHARACTERS = 20_000;
const OPENING = '{[(';
const CLOSING = '}])';

/** Texts of the properties of an object in JavaScript, by their names. */
export type Properties = ReadonlyMap<string, string>;

/** Finds the objects in a script, minified or not, that have a property with this name. */
export function objectsWith(name: string, script: string): Properties[] {
  const found: Properties[] = [];
  for (const { index } of script.matchAll(new RegExp(`(?<=[{,\\s"'])${name}["']?\\s*:`, 'g'))) {
    const start = openingBrace(script, index);
    const properties = start === undefined ? undefined : readObject(script, start);
    if (properties?.has(name) === true) found.push(properties);
  }
  return found;
}

/** Position of the brace that opens the object around a position. */
function openingBrace(script: string, from: number): number | undefined {
  let depth = 0;
  for (let at = from - 1; at >= Math.max(0, from - MAX_OBJECT_CHARACTERS); at -= 1) {
    const character = script.charAt(at);
    if (CLOSING.includes(character)) depth += 1;
    else if (OPENING.includes(character)) {
      if (depth === 0) return character === '{' ? at : undefined;
      depth -= 1;
    }
  }
  return undefined;
}

/** Splits the object at its commas; `undefined` when it does not end. */
function readObject(script: string, start: number): Properties | undefined {
  const parts: string[] = [];
  let partStart = start + 1;
  let depth = 0;
  const end = Math.min(script.length, start + MAX_OBJECT_CHARACTERS);
  for (let at = start + 1; at < end; at += 1) {
    const character = script.charAt(at);
    if (`"'\``.includes(character)) at = endOfText(script, at);
    else if (OPENING.includes(character)) depth += 1;
    else if (CLOSING.includes(character)) {
      if (depth === 0) return propertiesOf([...parts, script.slice(partStart, at)]);
      depth -= 1;
    } else if (character === ',' && depth === 0) {
      parts.push(script.slice(partStart, at));
      partStart = at + 1;
    }
  }
  return undefined;
}

function endOfText(script: string, start: number): number {
  const quote = script.charAt(start);
  for (let at = start + 1; at < script.length; at += 1) {
    if (script.charAt(at) === '\\') at += 1;
    else if (script.charAt(at) === quote) return at;
  }
  return script.length;
}

const propertiesOf = (parts: readonly string[]): Properties =>
  new Map(
    parts.flatMap((part) => {
      const [, name, value] = /^\s*["']?([\w$]+)["']?\s*:([^]*)$/.exec(part) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value.trim()] as const];
    }),
  );

/** Removes comments from a script as people write it; texts that contain `//` stay. */
export const withoutComments = (script: string): string =>
  script.replace(
    /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)|\/\*[^]*?\*\/|\/\/[^\n]*|<!--[^]*?-->/g,
    (_, text: string | undefined) => text ?? ' ',
  );
