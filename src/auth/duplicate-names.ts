/** A text, or a character that opens, closes or divides; of a text each character can be read in one way only. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],]/g;

/**
 * A name that one object of `json`, at any depth, has twice; `undefined`: there is none. `json` is valid JSON; each character
 * is looked at once, without recursion. Readers differ in which of the two counts, so a signed text must not have both.
 */
export function duplicateNameIn(json: string): string | undefined {
  /** Names of each object around the place; `undefined`: it is a list. */
  const open: (Set<string> | undefined)[] = [];
  let isName = false;
  for (const [token] of json.matchAll(TOKEN)) {
    if (token === '{' || token === '[') open.push(token === '{' ? new Set() : undefined);
    else if (token === '}' || token === ']') open.pop();
    const names = open.at(-1);
    if (isName && names !== undefined && token.startsWith('"')) {
      const name = JSON.parse(token) as string;
      if (names.has(name)) return name;
      names.add(name);
    }
    isName = token === '{' || (token === ',' && names !== undefined);
  }
  return undefined;
}
