/** 1.5 — objects and arrays inside each other that a text may have: what Reverb's `json_decode` takes. */
export const MOST_LEVELS = 512;

const [QUOTE, BACKSLASH, COMMA, COLON] = [34, 92, 44, 58];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [91, 93, 123, 125];

/** Place behind the string that begins at `start`. A quote behind an odd number of backslashes belongs to the string. */
function endOfString(json: string, start: number): number {
  for (let at = json.indexOf('"', start + 1); at !== -1; at = json.indexOf('"', at + 1)) {
    let before = at - 1;
    while (json.charCodeAt(before) === BACKSLASH) before -= 1;
    if ((at - before) % 2 === 1) return at + 1;
  }
  return json.length;
}

const opens = (character: number): boolean => character === OPEN_OBJECT || character === OPEN_LIST;
const closes = (character: number): boolean => character === CLOSE_OBJECT || character === CLOSE_LIST;

/** 1.5 — true for more than `MOST_LEVELS`; `json` is valid JSON. Each level takes two characters, so most texts are not read. */
export function isTooDeep(json: string): boolean {
  if (json.length <= 2 * MOST_LEVELS) return false;
  let depth = 0;
  for (let at = 0; at < json.length; at += 1) {
    const character = json.charCodeAt(at);
    if (character === QUOTE) at = endOfString(json, at) - 1;
    else if (closes(character)) depth -= 1;
    else if (opens(character) && ++depth > MOST_LEVELS) return true;
  }
  return false;
}

/** A name has escapes seldom. */
const nameIn = (text: string): string =>
  text.includes('\\') ? (JSON.parse(text) as string) : text.slice(1, -1);

/**
 * Calls `take` for each part of the object or list `json`, in order, with the text of its value: every digit of a number, every
 * escape, key and space inside it as the sender wrote it. `json` is valid JSON; each character is looked at once.
 */
function eachPart(json: string, take: (name: string | undefined, text: string) => void): void {
  let depth = 0;
  let name: string | undefined;
  let start = 0;
  let latestString = '';
  const end = (at: number): void => {
    const text = json.slice(start, at).trim();
    if (text !== '') take(name, text);
    start = at + 1;
  };
  for (let at = 0; at < json.length; at += 1) {
    const character = json.charCodeAt(at);
    if (character === QUOTE) {
      const behind = endOfString(json, at);
      if (depth === 1) latestString = json.slice(at, behind);
      at = behind - 1;
    } else if (opens(character)) {
      depth += 1;
      if (depth === 1) start = at + 1;
    } else if (closes(character)) {
      if (depth === 1) end(at);
      depth -= 1;
    } else if (depth !== 1) continue;
    else if (character === COMMA) end(at);
    else if (character === COLON) {
      name = nameIn(latestString);
      start = at + 1;
    }
  }
}

/** The text of a field of the object `json`, as it was written; of a name that is there twice, the last one counts. */
export function textOfField(json: string, field: string): string | undefined {
  let found: string | undefined;
  eachPart(json, (name, text) => {
    if (name === field) found = text;
  });
  return found;
}

/** The texts of all fields of the object `json`, by name; of a name that is there twice, the last one counts. */
export function textsOfFields(json: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  eachPart(json, (name, text) => {
    if (name !== undefined) fields.set(name, text);
  });
  return fields;
}

/** The texts of the items of the list `json`. */
export function textsOfItems(json: string): readonly string[] {
  const items: string[] = [];
  eachPart(json, (_, text) => items.push(text));
  return items;
}
